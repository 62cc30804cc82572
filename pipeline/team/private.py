"""Files that show images which may not be passed on (TFD's, say): `share` leaves them where they are."""

from typing import TYPE_CHECKING

from pipeline import paths

if TYPE_CHECKING:
    from pipeline.config.params import Params

# Of a run: what shows real images beside generated ones, and what holds some, by the family.
PICTURES = ("sheet.png", "neighbours.png")
PATHS = ("interpolation.png",)  # of families other than a GAN: from test images
HELD = {
    "cae": ("model.safetensors",),
    "baseline": ("model.safetensors", "samples.npy", "samples", "views", "grid.png"),
}


def shown(family: str) -> tuple[str, ...]:
    """Files of a run of this family that hold or show real images."""
    return PICTURES + (() if family == "gan" else PATHS) + HELD.get(family, ())


def private_files(params: "Params") -> dict[str, str]:
    """Path -> dataset, of every file that holds or shows images of a dataset that is not shared.

    Numbers made from such images are none of them, nor are models and samples, but of families that keep images.
    """
    files: dict[str, str] = {}
    for name, dataset in params.datasets.items():
        if not dataset.is_shared:
            files |= {str(path): name for path in images_of(paths.Dataset(name))}
    for name, run in params.every_run.items():
        if not params.datasets[run.dataset].is_shared:
            folder = paths.Run(name).folder
            files |= {str(folder / file): run.dataset for file in shown(run.model)}
    return files


def images_of(dataset: paths.Dataset) -> tuple:
    return dataset.raw, dataset.normalized


def why(params: "Params", datasets: set[str]) -> str:
    """tfd (given out on request; must not be passed on)"""
    words = []
    for name in sorted(datasets):
        dataset = params.datasets[name]
        said = "may_share: false" if dataset.may_share is False else dataset.source.licence
        words.append(f"{name} ({said})")
    return ", ".join(words)
