"""Published numbers, to compare with this project's."""

# Table 1 of the 2014 paper: mean test log-likelihood under a Parzen window in nats, by the source of the
# dataset. MNIST: real-valued, standard error across test images; TFD: across the five folds.
TABLE_1 = {
    "mnist": [
        ("DBN", 138.0, 2.0),
        ("Stacked CAE", 121.0, 1.6),
        ("Deep GSN", 214.0, 1.1),
        ("Adversarial nets", 225.0, 2.0),
    ],
    "tfd": [
        ("DBN", 1909.0, 66.0),
        ("Stacked CAE", 2110.0, 50.0),
        ("Deep GSN", 1890.0, 29.0),
        ("Adversarial nets", 2057.0, 26.0),
    ],
}

# Names of the same systems here: `model` of a run.
SYSTEMS = {"dbn": "DBN", "cae": "Stacked CAE", "gsn": "Deep GSN", "gan": "Adversarial nets"}


def of_system(family: str | None, source: str) -> tuple[float, float] | None:
    """Table 1's mean and error for a system of this project, or None where it has none."""
    rows = {name: (mean, error) for name, mean, error in TABLE_1.get(source, [])}
    return rows.get(SYSTEMS.get(family or "", ""))


def adversarial_nets(source: str) -> float | None:
    """The paper's own number, or None where it has none."""
    found = of_system("gan", source)
    return None if found is None else found[0]
