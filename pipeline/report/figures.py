"""The figures of the page, with titles and captions, in the order of their importance."""

from dataclasses import dataclass
from pathlib import Path

import yaml

from pipeline import paths
from pipeline.config.params import Params
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting
from pipeline.report import pictures
from pipeline.report.pictures import Picture

SHEET_BYTES = 2_300_000  # for one sheet a group of seeds, which stands on the page twice
FIGURE_BYTES = 9_400_000  # for all others; so the whole page stays below 15 MB
TITLES = {  # of results/R/NAME.png; captions come from dvc.yaml
    "sheet": "Real beside generated",
    "curves": "Training",
    "sigma": "Parzen window",
    "theory": "Theory",
    "neighbours": "Nearest training images",
    "interpolation": "Along the noise",
    "progress": "Progress",
    "grid": "Samples",
}
CHARTS = ("curves", "sigma", "theory")  # of images; of points all figures are charts


@dataclass(frozen=True)
class Figure:
    """One figure of a run."""

    name: str
    title: str
    caption: str
    chart: bool  # lines on white, which a dark page may invert; not pictures of images
    picture: Picture | None  # None if it did not fit
    file: Path


def figures_of(
    params: Params, groups: list[list[str]]
) -> tuple[dict[str, Figure], dict[str, list[Figure]]]:
    """The sheet of the first run of each group, by its name; and of each run all figures that are there."""
    captions = read_captions()
    firsts = [group[0] for group in groups]
    order = sorted(params.every_run, key=lambda name: name not in firsts)
    files = {(run, name): paths.Run(run).folder / f"{name}.png" for run in order for name in TITLES}
    fitted = pictures.fitted(
        (files[run, "sheet"] for run in firsts if (run, "sheet") in files), SHEET_BYTES
    )
    rest = [path for path in files.values() if path not in fitted]
    fitted |= pictures.fitted(rest, FIGURE_BYTES)
    found: dict[str, list[Figure]] = {run: [] for run in params.every_run}
    for (run, name), path in files.items():
        if path.is_file():
            source = params.datasets[params.every_run[run].dataset].source
            chart = name in CHARTS or source.name == "mixture"
            caption = captions.get(path.name, "")
            figure = Figure(name, TITLES[name], caption, chart, fitted.get(path), path)
            found[run].append(figure)
    sheets = {run: figure for run in firsts for figure in found[run] if figure.name == "sheet"}
    return sheets, found


def read_captions() -> dict[str, str]:
    """File name -> words, from the stages of dvc.yaml."""
    path = Path("dvc.yaml")
    with reading(path, "list of stages", next_step=f"Take the one of Git: git checkout {path}"):
        check_nesting(path.read_bytes())
        content = yaml.load(path.read_bytes(), Loader=yaml.CSafeLoader)
        stages = (stage.get("do", stage) for stage in content["stages"].values())
        return {
            name: words
            for stage in stages
            for name, words in (stage.get("meta") or {}).get("captions", {}).items()
        }
