"""Files that show images which may not be passed on (TFD's, say): `share` leaves them where they are."""

from typing import TYPE_CHECKING

from pipeline import paths

if TYPE_CHECKING:
    from pipeline.config.params import Params

PICTURES = ("sheet.png", "neighbours.png")  # of a run: they show real images beside generated ones


def private_files(params: "Params") -> dict[str, str]:
    """Path -> dataset, of every file that holds or shows images of a dataset that is not shared.

    Models, samples and numbers made from such images are none of them.
    """
    files: dict[str, str] = {}
    for name, dataset in params.datasets.items():
        if not dataset.is_shared:
            files |= {str(path): name for path in images_of(paths.Dataset(name))}
    for name, run in params.every_run.items():
        if not params.datasets[run.dataset].is_shared:
            files |= {str(paths.Run(name).folder / picture): run.dataset for picture in PICTURES}
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
