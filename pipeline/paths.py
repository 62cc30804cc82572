"""Every file under data/ and results/, spelled once; relative to the project's folder."""

from dataclasses import dataclass
from pathlib import Path

PARAMS = Path("params.yaml")
DATA, RESULTS = Path("data"), Path("results")
CHECKPOINTS = Path(".checkpoints")  # undeclared: both engines delete declared outputs before a run
LOGS = Path("logs")
SCORES = RESULTS / "scores"
TABLE = RESULTS / "table.md"
SUMMARY = RESULTS / "summary.json"
CONTINUED = "continued_"  # before the names of stages of the runs of `continued:`


@dataclass(frozen=True)
class Dataset:
    """Files of the dataset `name`, a key of `datasets:` in params.yaml."""

    name: str

    @property
    def raw(self) -> Path:
        return DATA / "raw" / f"{self.name}.npz"

    @property
    def provenance(self) -> Path:
        return self.raw.with_suffix(".json")

    @property
    def normalized(self) -> Path:
        return DATA / "normalized" / f"{self.name}.safetensors"

    @property
    def extractor(self) -> Path:
        return DATA / "features" / f"{self.name}.safetensors"


@dataclass(frozen=True)
class Run:
    """Files of the run `name`, a key of `runs:` in params.yaml."""

    name: str

    @property
    def folder(self) -> Path:
        return RESULTS / self.name

    @property
    def model(self) -> Path:
        return self.folder / "model.safetensors"

    @property
    def log(self) -> Path:
        return self.folder / "training.tsv"

    @property
    def verdict(self) -> Path:
        return self.folder / "verdict.json"

    @property
    def costs(self) -> Path:
        """Times, memory and speeds of the model beside it; nothing that a stage reads or declares."""
        return self.folder / "costs.json"

    @property
    def progress(self) -> Path:
        return self.folder / "progress.png"

    @property
    def live(self) -> Path:
        """Folder of files that show the progress of the training."""
        return self.folder / "live"

    @property
    def samples(self) -> Path:
        return self.folder / "samples.npy"

    @property
    def views(self) -> Path:
        """Folder of other ways to look at what the model draws; see io/views.py."""
        return self.folder / "views"

    @property
    def grid(self) -> Path:
        return self.folder / "grid.png"

    @property
    def parzen(self) -> Path:
        return self.folder / "parzen.json"

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.json"

    @property
    def theory(self) -> Path:
        return self.folder / "theory.json"

    @property
    def card(self) -> Path:
        """What the model is, of which data, how good, how to load it."""
        return self.folder / "card.md"

    @property
    def scores(self) -> Path:
        return SCORES / f"{self.name}.json"


@dataclass(frozen=True)
class Likelihood:
    """Files of the entry `name`, a key of `likelihoods:` in params.yaml."""

    name: str

    @property
    def result(self) -> Path:
        return RESULTS / "likelihoods" / f"{self.name}.json"

    @property
    def scores(self) -> Path:
        return SCORES / "likelihoods" / f"{self.name}.json"
