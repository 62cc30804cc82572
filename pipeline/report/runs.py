"""The facts of one run, from its files: each is there, or None with a line that says what is wrong."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.params import Run
from pipeline.io import costs
from pipeline.io.header import about
from pipeline.report.settings import Flat, flat, text
from pipeline.tables.cells import verdict
from pipeline.tables.rows import is_estimate, is_scores

MEASURES = ("verdict", "parzen", "metrics", "theory")


@dataclass(kw_only=True)
class Facts:
    """What is known of a run."""

    name: str
    run: Run
    scores: dict[str, Any] | None
    verdict: dict[str, Any]
    warnings: list[str]  # of the evaluation
    costs: dict[str, Any]
    about: dict[str, Any]  # what made the model: torch, device, threads, precision, code
    trouble: list[str] = field(
        default_factory=list
    )  # why it is not finished, files that are damaged

    @property
    def settings(self) -> Flat:
        """All of them, defaults included; without the names and the seed."""
        settings = flat(self.run.model_dump(mode="json"))
        return {key: value for key, value in settings.items() if key not in ("dataset", "seed")}

    @property
    def settings_shown(self) -> list[tuple[str, str]]:
        """All that are set, as text."""
        return [(key, text(value)) for key, value in self.settings.items() if value is not None]

    @property
    def words(self) -> str:
        """The verdict on training and samples."""
        return verdict(self.scores or self.verdict)


def facts(name: str, run: Run) -> Facts:
    """Read the files of run `name`."""
    files, trouble = paths.Run(name), []

    def read(path: Path) -> dict[str, Any]:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            content = None
        if not isinstance(content, dict):
            trouble.append(f"{path} is damaged; bring it back with: dvc checkout --force {path}")
            return {}
        return content

    scores = read(files.scores)
    if scores and not is_scores(scores):
        trouble.append(f"{files.scores} is of another version of this project: dvc repro")
        scores = {}
    measures = {measure: read(files.folder / f"{measure}.json") for measure in MEASURES}
    found = Facts(
        name=name,
        run=run,
        scores=scores or None,
        verdict=measures["verdict"],
        warnings=[line for each in measures.values() for line in each.get("warnings", [])],
        costs=(costs.read(files.costs, files.model) if files.model.is_file() else None) or {},
        about=about(files.model),
        trouble=trouble,
    )
    return found


def decoder(name: str) -> dict[str, Any] | None:
    """The scores of an entry of `likelihoods:`; None if it is not finished, or its file damaged."""
    try:
        found = json.loads(paths.Likelihood(name).scores.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if is_estimate(found) else None


def steps_so_far(name: str) -> int | None:
    """Steps of a training that is under way or was interrupted; None if it has not begun."""
    try:
        live = json.loads((paths.Run(name).live / "metrics.json").read_text(encoding="utf-8"))
        return int(live["step"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
