"""table: Table 1 of the paper, with the runs of this project beside the published rows."""

from pathlib import Path

from pipeline.files import read_json, write_bytes, write_json

# Mean test log-likelihood in nats and its standard error, as published in 2014 (MNIST: across
# examples). Real-valued MNIST, 10,000 samples.
PUBLISHED = {
    "mnist": [
        ("DBN", 138.0, 2.0),
        ("Stacked CAE", 121.0, 1.6),
        ("Deep GSN", 214.0, 1.1),
        ("Adversarial nets", 225.0, 2.0),
    ]
}
HEADER = ("model", "log-likelihood (nats)", "sigma", "steps", "seconds", "verdict")


def run(
    names: list[str], sources: dict[str, str], folder: Path, table: Path, summary: Path
) -> None:
    """`names`: the runs of params.yaml; `sources`: dataset -> name of its source (mnist, ...)."""
    for stray in folder.glob("*.json"):
        if stray.stem not in names:  # a run that was removed from params.yaml
            stray.unlink()
    runs = {name: read_json(folder / f"{name}.json") for name in names}
    write_json(summary, runs)
    write_bytes(table, render(runs, sources).encode())


def render(runs: dict[str, dict], sources: dict[str, str]) -> str:
    """Markdown: per dataset the real-data line, this project's runs and the published rows, best first."""
    parts = ["# Parzen-window log-likelihood of the test set\n"]
    for dataset in sorted({run["dataset"] for run in runs.values()}):
        own = {name: run for name, run in runs.items() if run["dataset"] == dataset}
        rows = [own_row(name, run) for name, run in own.items()]
        rows += [
            (mean, (f"{model} (published, 2014)", f"{mean:g} ± {error:g}", "", "", "", ""))
            for model, mean, error in PUBLISHED.get(sources[dataset], [])
        ]
        rows += {real_row(run) for run in own.values() if run["real_data"] is not None}
        ordered = [cells for _, cells in sorted(rows, key=lambda row: -row[0])]
        parts.append(f"## {dataset}\n\n" + markdown([HEADER, *ordered]))
    parts.append(
        "± is the standard error over test images. Real data: training images in the place of samples. "
        "A score above that line is no sign of better samples: blurred ones score higher than real ones.\n"
    )
    return "\n".join(parts)


def own_row(name: str, run: dict) -> tuple[float, tuple[str, ...]]:
    likelihood = f"**{run['log_likelihood']} ± {run['standard_error']}**"
    cells = (f"{run['sigma']:g}", f"{run['steps']:,}", f"{run['seconds']:,}", run["verdict"])
    return run["log_likelihood"], (f"**{name}**", likelihood, *cells)


def real_row(run: dict) -> tuple[float, tuple[str, ...]]:
    return run["real_data"], (
        "real data",
        f"{run['real_data']} ± {run['real_data_error']}",
        "",
        "",
        "",
        "",
    )


def markdown(rows: list[tuple[str, ...]]) -> str:
    """An aligned Markdown table; the first row is the header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]]) + "\n"
