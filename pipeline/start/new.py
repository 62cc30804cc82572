"""Write a dataset and a run of the user's pictures into params.yaml; take the digest of changed ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ruamel.yaml.error import YAMLError

from pipeline.config import params
from pipeline.config.datasets import Folder, Npz, OwnImages, Parquet, Zip
from pipeline.config.editing import end_of, own_keys, plain, round_trip, write_text
from pipeline.config.fitting import check_names
from pipeline.errors import ConfigError
from pipeline.sources import folder, npz, parquet, zipped
from pipeline.start.pictures import Pictures
from pipeline.start.settings import Choice, Wishes, choose, dataset_text, quoted, run_text

# digest of the user's own images as they are now, and what they are in words
FOUND: dict[type, Callable[[Any], tuple[str, str]]] = {
    Folder: folder.found,
    Zip: zipped.found,
    Npz: npz.found,
    Parquet: parquet.found,
}


def new(file: Path, name: str, look: Callable[[], Pictures], wishes: Wishes) -> list[str]:
    """Add `datasets.NAME` and `runs.NAME` for the pictures that `look` finds to the file, whose other lines stay;
    what was found and chosen, in words. Nothing is written if anything is wrong."""
    valid = params.load(file)
    check_free(file, name, [*valid.datasets], [*valid.every_run])
    pictures = look()
    choice = choose(pictures, wishes)
    text = file.read_text(encoding="utf-8")
    blocks = {
        "datasets": dataset_text(name, pictures, choice),
        "runs": run_text(name, pictures, choice),
    }
    changed = text
    for section, block in blocks.items():
        changed = with_block(changed, section, block, file)
    check_written(text, changed, blocks, file)
    write_text(file, changed, text)
    return said(file, name, pictures, choice)


def check_free(file: Path, name: str, datasets: list[str], runs: list[str]) -> None:
    """ConfigError unless `name` can be that of a dataset and of a run."""
    again = "next: python -m pipeline new OTHER ..."
    if not params.NAME.fullmatch(name):
        raise ConfigError(
            f"{name!r} is no name for a run: one starts with a letter and holds letters, digits and _ only; "
            f"{again}"
        )
    for kind, names in (("datasets", datasets), ("runs", runs)):
        if name in names:
            raise ConfigError(f"{file} has {kind}.{name} already; {again}")
        try:
            check_names(kind, [*names, name])
        except ValueError as error:
            raise ConfigError(f"{error}; {again}") from None


def with_block(text: str, section: str, block: str, file: Path) -> str:
    """`text` with `block`, whose keys are indented by two, after the last entry of `section`."""
    entries = round_trip().load(text)[section]
    if entries.fa.flow_style():
        raise ConfigError(f"{file}: write {section}: as indented blocks, not in braces")
    lines = text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    first, column = list(own_keys(entries).values())[-1]
    at = end_of(lines, first, column)
    gap = ["\n"] if section == "runs" else []
    added = [" " * (column - 2) + line for line in block.splitlines(keepends=True)]
    return "".join([*lines[:at], *gap, *added, *lines[at:]])


def check_written(before: str, after: str, blocks: dict[str, str], file: Path) -> None:
    """ConfigError unless `after` holds exactly what `before` and the blocks do, and is valid."""
    expected = plain(before)
    for section, block in blocks.items():
        expected[section] |= plain(block)
    try:
        done = plain(after) == expected
    except YAMLError:
        done = False
    if not done:
        raise ConfigError(
            f"{file} is written in a way that cannot be added to; write each entry of datasets: and runs: "
            "as an indented block, as in recipes/quick.yaml"
        )
    params.validate(expected, str(file))


def said(file: Path, name: str, pictures: Pictures, choice: Choice) -> list[str]:
    """What was found, what was chosen, and the next command."""
    kinds = {1: "grey", 3: "colour"}[pictures.channels]
    classes = f"{len(pictures.classes)} classes" if pictures.classes else "one class"
    told = ", the players are told the class" if choice.conditional else ""
    return [
        f"found: {pictures.count:,} pictures in {kinds}, {classes}: "
        f"{pictures.count - pictures.test - choice.validation:,} to train on, {choice.validation:,} to validate, "
        f"{pictures.test:,} to test",
        f"chosen: preset {choice.preset}, {choice.height} x {choice.width} pixels, {choice.steps:,} steps of "
        f"{choice.batch} pictures{told}",
        *(f"note: {note}" for note in choice.notes),
        f"{file}: added datasets.{name} and runs.{name}; every key has a comment or stands in docs/",
        f"Next: snakemake --cores all figures_{name}  # this run alone; without the last word all runs, and "
        "the table",
        f"Then look at results/{name}/grid.png and sheet.png",
    ]


def accept(file: Path, name: str, settings: Any) -> str:
    """Write the digest of the folder's pictures, as they are now, into `datasets.NAME` of the file; what was
    done, in words. ConfigError for a dataset that has none."""
    if not isinstance(settings, OwnImages):
        raise ConfigError(
            f"--accept: datasets.{name} is not a folder or file of your pictures; published data have one "
            "digest, which the project knows"
        )
    digest, what = FOUND[type(settings)](settings)
    if digest == settings.digest:
        return f"{file}: datasets.{name} has the digest of {what} already"
    text = file.read_text(encoding="utf-8")
    changed = with_digest(text, name, digest)
    expected = plain(text)
    expected["datasets"][name]["source"]["digest"] = digest
    if changed is None or plain(changed) != expected:
        raise ConfigError(
            f"{file} is written in a way that cannot be changed line by line. Write below "
            f"datasets.{name}.source by hand:\n  digest: {quoted(digest)}"
        )
    write_text(file, changed, text)
    return (
        f"{file}: datasets.{name} accepts {what}, digest {digest}. "
        "Next: snakemake --cores all (or dvc repro)"
    )


def with_digest(text: str, name: str, digest: str) -> str | None:
    """`text` with the dataset's digest replaced, or added where there was none; None if it cannot be."""
    block = round_trip().load(text)["datasets"][name]["source"]
    keys, lines = own_keys(block), text.splitlines(keepends=True)
    if "digest" in keys:
        line, column = keys["digest"]
        found = str(block["digest"]) if block["digest"] is not None else "null"
        before, rest = lines[line][:column], lines[line][column:]
        spelled = next((s for s in (f'"{found}"', f"'{found}'", found) if s in rest), None)
        if spelled is None:
            return None
        lines[line] = before + rest.replace(spelled, quoted(digest), 1)
    elif block.fa.flow_style():
        line, column = keys["name"]
        lines[line] = f"{lines[line][:column]}digest: {quoted(digest)}, {lines[line][column:]}"
    else:
        line, column = keys["name"]
        lines.insert(line, f"{' ' * column}digest: {quoted(digest)}\n")
    return "".join(lines)
