"""Read and validate params.yaml, the only place that says what is run.

It is read with the YAML reader that DVC uses, so that both see the same values (YAML 1.1 readers
take `1e-4` for a string).
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from pipeline.config.base import Section, Seed
from pipeline.config.continuing import check_continued, check_images
from pipeline.config.datasets import Dataset
from pipeline.config.decoders import check_likelihood
from pipeline.config.explain import close_to, explain
from pipeline.config.fitting import check_fit, check_names, check_sections
from pipeline.config.likelihood import Likelihood
from pipeline.config.memory import check_memory, check_points
from pipeline.config.models import FAMILIES, settings_of
from pipeline.config.parzen import Parzen
from pipeline.config.reading import read_yaml
from pipeline.config.sample import Sample
from pipeline.errors import ConfigError

# A name becomes a file, a rule of Snakemake and part of a key of DVC: letters, digits, underscores.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")

RUNS = ("runs", "continued")  # groups of runs in params.yaml

Threads = Annotated[int, Field(gt=0, le=1024)]  # OpenMP fails to start many more


class Run(Section):
    """One entry of `runs:`: a model trained on a dataset, sampled and evaluated."""

    dataset: str
    model: str  # the family that is trained, a folder of pipeline/models; it says what `train` may hold
    seed: Seed
    # Fixed, not "all cores": another number of threads may round sums differently, and then the
    # same params would not give the same bytes.
    threads: Threads
    train: Any  # the family's settings: a Train of pipeline/config/models
    sample: Sample
    parzen: Parzen

    @field_validator("model")
    @classmethod
    def family_exists(cls, name: str) -> str:
        if name not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ValueError(f"found {name!r}, must be one of {known}{close_to(name, FAMILIES)}")
        return name

    @field_validator("sample", "parzen", mode="before")
    @classmethod
    def an_empty_block_is_written_out(cls, value: Any) -> Any:
        """DVC needs a value under the key, even where every default is taken."""
        if value is None:
            raise ValueError("found nothing; write {} to take every default")
        return value

    @field_validator("train", mode="plain")
    @classmethod
    def train_is_valid_for_the_family(cls, value: Any, info: ValidationInfo) -> Any:
        family = info.data.get("model")  # None if missing or wrong, which is reported already
        return value if family is None else settings_of(family).model_validate(value)

    @model_validator(mode="after")
    def the_sections_fit_together(self) -> Self:
        check_sections(self)
        return self


class Continued(Run):
    """One entry of `continued:`: a run whose nets start with the weights of another run's model."""

    model_config = ConfigDict(serialize_by_alias=True)

    origin: str = Field(alias="from")  # a run, which may be continued itself


class Params(Section):
    """All of params.yaml: datasets, runs, continued runs and likelihoods by name."""

    datasets: Annotated[dict[str, Dataset], Field(min_length=1)]
    runs: Annotated[dict[str, Run], Field(min_length=1)]
    continued: dict[str, Continued] = Field(default_factory=dict)  # may be left out
    likelihoods: dict[str, Likelihood] = Field(default_factory=dict)  # may be left out

    @property
    def every_run(self) -> dict[str, Run]:
        """Those that start at random and those that start from a model, by name."""
        return {**self.runs, **self.continued}

    @property
    def weights_of_likelihoods(self) -> dict[str, str]:
        """ema or raw, of the G that each of `likelihoods` is of."""
        averaged = {name: bool(run.train.ema) for name, run in self.every_run.items()}
        return {
            name: entry.weights or ("ema" if averaged[entry.run] else "raw")
            for name, entry in self.likelihoods.items()
        }

    @field_validator("continued", "likelihoods", mode="before")
    @classmethod
    def an_empty_group_is_written_out(cls, value: Any) -> Any:
        """DVC refuses a key without a value here."""
        if value is None:
            raise ValueError("found nothing; write {} for none, or leave the key out")
        return value

    @model_validator(mode="after")
    def names_are_known_and_usable(self) -> Self:
        groups: dict[str, Iterable[str]] = {
            "runs": self.runs,
            "continued": self.continued,
            "datasets": self.datasets,
            "likelihoods": self.likelihoods,
        }
        for kind, names in groups.items():
            for name in names:
                if not NAME.fullmatch(name):
                    raise ValueError(
                        f"{kind}.{name}: a name starts with a letter and holds letters, digits and _ only"
                    )
            check_names(kind, list(names))
        check_names("continued", [*self.runs, *self.continued])
        for name, dataset in self.datasets.items():
            try:
                check_points(dataset)
            except ValueError as error:
                raise ValueError(f"datasets.{name}.{error}") from None
        for name, run in self.every_run.items():
            self._check_run(name, run)
        for name, entry in self.continued.items():
            try:
                check_continued(name, self.every_run, self.continued)
                check_images(entry, self.every_run[entry.origin], self.datasets)
            except ValueError as error:
                raise ValueError(f"continued.{name}.{error}") from None
        for name, likelihood in self.likelihoods.items():
            try:
                check_likelihood(likelihood, self.every_run, self.datasets)
            except ValueError as error:
                raise ValueError(f"likelihoods.{name}.{error}") from None
        return self

    def _check_run(self, name: str, run: Run) -> None:
        group = "continued" if name in self.continued else "runs"
        if run.dataset not in self.datasets:
            raise ValueError(
                f"{group}.{name}.dataset is {run.dataset!r}; known datasets: {', '.join(self.datasets)}"
            )
        try:
            check_fit(run, self.datasets[run.dataset])
            check_memory(run, self.datasets[run.dataset])
        except ValueError as error:
            raise ValueError(f"{group}.{name}.{error}") from None


MOST_LINES = 10  # of what is wrong in one file


def load(path: Path = Path("params.yaml")) -> Params:
    """The validated content of `path`; ConfigError names every wrong key, what was found and allowed."""
    content = read(path)
    for group, name, run in listed(content):
        if has_seeds(run):
            raise ConfigError(
                f"{path}: {group}.{name}.seeds is {run['seeds']}, but these runs are not written out yet. "
                "Next: python -m pipeline sweep"
            )
    return validate(content, str(path))


def listed(content: Any) -> list[tuple[str, str, Any]]:
    """Group, name and settings of every run of a params file, not validated: it may be one of an earlier version."""
    content = content if isinstance(content, dict) else {}
    groups = {group: content.get(group) for group in RUNS}
    return [
        (group, name, run)
        for group, runs in groups.items()
        if isinstance(runs, dict)
        for name, run in runs.items()
    ]


def read(path: Path) -> dict[str, Any]:
    """The content of the file, not validated; ConfigError if it cannot be read."""
    content = read_yaml(path)
    if not isinstance(content, dict) or not isinstance(content.get("runs"), dict):
        return validate(content, str(path)).model_dump()  # it says what is missing
    return content


def has_seeds(run: Any) -> bool:
    """Whether `run` is a template for one run per seed in its `seeds` (see pipeline/team/sweep.py)."""
    return isinstance(run, dict) and "seeds" in run


def without_family(content: Any) -> list[str]:
    """Runs that do not say which family of models is trained, as none did in earlier versions."""
    return [
        name
        for group, name, run in listed(content)
        if group == "runs" and isinstance(run, dict) and "model" not in run
    ]


# keys of `train` that had another name in earlier versions
RENAMED = {"generator_loss": "loss"}


def with_old_keys(content: Any) -> list[tuple[str, str]]:
    """Runs whose `train` has a key of an earlier version, each with that key."""
    trains = [
        (name, run["train"])
        for group, name, run in listed(content)
        if group == "runs" and isinstance(run, dict) and isinstance(run.get("train"), dict)
    ]
    return [(name, key) for name, train in trains for key in RENAMED if key in train]


def validate(content: Any, where: str) -> Params:
    """`content` (nested dicts of one params file) as Params; `where` heads the error message."""
    nameless = without_family(content)
    if nameless:
        more = f" (and that of {len(nameless) - 1} more)" if len(nameless) > 1 else ""
        file = "" if where == "params.yaml" else f" --file {where}"
        raise ConfigError(
            f"{where}: runs.{nameless[0]}.model is missing{more}, the family that is trained. If the "
            f"file is of an earlier version, next: python -m pipeline upgrade{file}"
        )
    if renamed := with_old_keys(content):
        name, key = renamed[0]
        raise ConfigError(
            f"{where}: runs.{name}.train.{key} is called {RENAMED[key]} in this version. Next: "
            f"python -m pipeline upgrade{'' if where == 'params.yaml' else f' --file {where}'}"
        )
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = [_line(item, content) for item in error.errors(include_url=False)]
    lines = grouped(lines)
    others = [f"and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    raise ConfigError("\n  ".join([f"{where} is not valid:", *lines[:MOST_LINES], *others]))


def grouped(lines: list[str]) -> list[str]:
    """`lines` with those once that say the same of several runs: a sweep repeats a mistake."""
    runs: dict[str, list[str]] = {}
    for line in lines:
        kind, _, rest = line.partition(".")
        name, dot, what = rest.partition(".")
        key = f"{kind}.*.{what}" if dot and kind in RUNS and ":" not in name else line
        runs.setdefault(key, []).append(line)
    return [
        same[0] if len(set(same)) == 1 else f"{same[0]} (the same in {len(same) - 1} more runs)"
        for same in runs.values()
    ]


def _line(error: Any, content: Any) -> str:
    """What is wrong, in one line; for keys of `train` by the settings of the run's family."""
    match error["loc"]:
        case (group, name, "train", key, *inner) if group in RUNS:
            family = content[group][name]["model"]
            if (
                error["type"] == "extra_forbidden"
                and not inner
                and (others := families_with(key, family))
            ):
                return (
                    f"{group}.{name}.train.{key}: a setting of model: {others[0]}, and this run's model is "
                    f"{family}; leave it out, or set model: {others[0]}"
                )
            inside = explain(settings_of(family), {**error, "loc": error["loc"][3:]})
            return f"{group}.{name}.train.{inside}"
    return explain(Params, error)


def families_with(key: str, family: str) -> list[str]:
    """Families other than `family` whose `train` may hold `key`."""
    return [
        other for other in FAMILIES if other != family and key in settings_of(other).model_fields
    ]
