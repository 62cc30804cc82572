"""What claims are measured on: runs of params files whose models are here, and the data that they share."""

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline import models, paths
from pipeline.claims.finding import NotRun
from pipeline.config.datasets import MixturePoints
from pipeline.config.params import Params, Run
from pipeline.errors import ConfigError
from pipeline.evaluation import extractors
from pipeline.evaluation.metrics import Seen
from pipeline.io import costs
from pipeline.io.arrays import read_shards
from pipeline.io.files import read_json
from pipeline.io.tensors import read_about, read_tensors
from pipeline.io.views import read_views
from pipeline.stages.figures import read_rows

MOST = 10_000  # samples of a run


class Data:
    """A dataset's images, and the extractor by which images on it are compared."""

    def __init__(self, name: str, is_picture: bool):
        self.name = name
        self.is_picture = is_picture
        self.files = paths.Dataset(name)

    @cached_property
    def parts(self) -> dict[str, Tensor]:
        """train_images, test_images [N, C, H, W] in [-1, 1] and their labels."""
        return read_tensors(there(self.files.normalized))

    @cached_property
    def extractor(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """What kind it is, and its tensors."""
        file = there(self.files.extractor)
        return read_about(file), read_tensors(file)

    def seen(self, images_NCHW: Tensor) -> Seen:
        """What the extractor gives for images."""
        about, tensors = self.extractor
        return Seen(*extractors.extract(about["kind"], tensors, images_NCHW))

    def classes(self, images_NCHW: Tensor) -> Tensor:
        """[N], by the extractor; NotRun if it knows no classes."""
        logits = self.seen(images_NCHW).logits_NK
        if logits is None:
            raise NotRun(f"needs a dataset with classes, which {self.name} has not")
        return logits.argmax(dim=1)


class Found:
    """A run whose model is here."""

    def __init__(self, name: str, settings: Run, data: Data):
        self.name = name
        self.settings = settings
        self.data = data
        self.files = paths.Run(name)

    @property
    def family(self) -> str:
        return self.settings.model

    @property
    def train(self) -> Any:
        return self.settings.train

    @property
    def weights(self) -> str:
        return self.settings.sample.weights

    @cached_property
    def saved(self) -> Any:
        """The model, put together again."""
        return models.saved(
            read_about(self.files.model), read_tensors(self.files.model), str(self.files.model)
        )

    def file(self, name: str) -> Any:
        """The content of results/R/`name`.json; NotRun without it."""
        return read_json(there(self.files.folder / f"{name}.json"))

    def has(self, *names: str) -> bool:
        """Whether results/R holds `name`.json of each."""
        return all((self.files.folder / f"{name}.json").is_file() for name in names)

    def log(self) -> dict[str, np.ndarray]:
        """Columns of training.tsv by name."""
        return read_rows(there(self.files.log))

    def samples(self) -> Tensor:
        """Up to MOST samples in [-1, 1]."""
        return torch.from_numpy(np.array(read_shards(there(self.files.samples))[:MOST]))

    def view(self, name: str) -> Tensor | None:
        """Samples as another view shows them; None if there is no such view."""
        if not (self.files.views / "index.json").is_file():
            return None
        path = read_views(self.files.views).paths.get(name)
        return None if path is None else torch.from_numpy(np.array(read_shards(path)[:MOST]))

    def costs(self) -> dict[str, Any]:
        return costs.read(self.files.costs, self.files.model) or {}


class Project:
    """Runs of one or several params files."""

    def __init__(self, files: Iterable[Params]):
        """ConfigError if two of the files have different runs, or datasets, of one name."""
        settings: dict[str, Run] = {}
        datasets: dict[str, Any] = {}
        self.likelihoods: dict[str, str] = {}  # of each entry, the run
        for params in files:
            unite(settings, params.runs, "runs")
            unite(datasets, params.datasets, "datasets")
            self.likelihoods |= {name: entry.run for name, entry in params.likelihoods.items()}
        self.data = {
            name: Data(name, not isinstance(dataset.source, MixturePoints))
            for name, dataset in datasets.items()
        }
        every = [Found(name, run, self.data[run.dataset]) for name, run in settings.items()]
        self.runs = [run for run in every if run.files.model.is_file()]
        self.missing = [run.name for run in every if run not in self.runs]

    def pictures(self, *families: str) -> list[Found]:
        """Runs of these families, or of any, on the dataset of pictures that most runs are on; NotRun without any."""
        counts = Counter(run.data.name for run in self.runs if run.data.is_picture)
        most = counts.most_common(1)[0][0] if counts else None
        found = [
            run
            for run in self.runs
            if run.data.name == most and (not families or run.family in families)
        ]
        if not found:
            raise NotRun(f"needs a trained run of {' or '.join(families) or 'pictures'}")
        return found

    def gans(self) -> list[Found]:
        """Of pictures, without an encoder."""
        found = [run for run in self.pictures("gan") if run.train.autoencoder is None]
        if not found:
            raise NotRun("needs a trained run of a GAN on pictures")
        return found

    def vaes(self) -> list[Found]:
        found = [run for run in self.pictures("gan") if is_vae(run)]
        if not found:
            raise NotRun("needs a trained run with autoencoder: {name: vae}")
        return found


def is_vae(run: Found) -> bool:
    coder = run.train.autoencoder if run.family == "gan" else None
    return coder is not None and coder.name == "vae"


def there(path: Path) -> Path:
    """`path`; NotRun if no such file is here."""
    if not path.is_file():
        raise NotRun(f"needs {path}")
    return path


def unite(known: dict, more: dict, kind: str) -> None:
    """Add `more` to `known`, in place."""
    for name, content in more.items():
        if known.get(name, content) != content:
            raise ConfigError(
                f"{kind}.{name} is not the same in all of these files, but has one place under "
                "results/ or data/; give it another name in one of them"
            )
        known[name] = content
