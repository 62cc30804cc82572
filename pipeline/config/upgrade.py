"""python -m pipeline upgrade: bring a params.yaml of an earlier version to the keys of this one."""

from operator import itemgetter
from pathlib import Path

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from pipeline.config import params
from pipeline.config.editing import end_of, own_keys, plain, round_trip, write_text
from pipeline.errors import ConfigError

FAMILY = "gan"  # of every run written before runs named one


def upgrade(path: Path) -> list[str]:
    """Change the file where it lacks a key or has one by an old name, whole or not at all; returns what was
    changed, in words.

    Comments, order, anchors and all other lines stay. ConfigError if the file cannot be read, or is
    written in a way that a key cannot be put in.
    """
    params.read(path)
    text = path.read_text(encoding="utf-8")
    nameless, old = params.without_family(plain(text)), params.with_old_keys(plain(text))
    expected = plain(text)
    for name in nameless:
        expected["runs"][name]["model"] = FAMILY
    for train in {id(t): t for t in (expected["runs"][name]["train"] for name, _ in old)}.values():
        for key in params.RENAMED.keys() & train.keys():
            train[params.RENAMED[key]] = train.pop(key)
    try:
        # first the runs that others merge in (<<: *name), which then have it from there
        new = with_family(with_family(renamed(text), merging=False), merging=True)
        done = plain(new) == expected
    except (YAMLError, IndexError):
        done = False
    if not done:
        by_hand = [f"Add model: {FAMILY} by hand to: {', '.join(nameless)}"] if nameless else []
        by_hand += [f"Rename runs.{name}.train.{key} to {params.RENAMED[key]}" for name, key in old]
        raise ConfigError(
            f"{path} is written in a way that cannot be changed line by line. {'. '.join(by_hand)}"
        )
    if new != text:
        write_text(path, new, text)
    return [
        *(f"runs.{name}: added model: {FAMILY}" for name in nameless),
        *(f"runs.{name}.train: renamed {key} to {params.RENAMED[key]}" for name, key in old),
    ]


def renamed(text: str) -> str:
    """`text` with the keys of every run's `train` by their names of this version."""
    runs = round_trip().load(text)["runs"]
    lines = text.splitlines(keepends=True)
    # several runs may share one block (*name); last first, so that columns stay right
    places = {
        place: key
        for run in runs.values()
        if isinstance(run, CommentedMap) and isinstance(run.get("train"), CommentedMap)
        for key, place in own_keys(run["train"]).items()
        if key in params.RENAMED
    }
    for (line, column), key in sorted(places.items(), reverse=True):
        before, after = lines[line][:column], lines[line][column:]
        lines[line] = before + after.replace(key, params.RENAMED[key], 1)
    return "".join(lines)


def with_family(text: str, merging: bool) -> str:
    """`text` with `model` added to every run that lacks it; unless `merging`, not to runs that merge others."""
    runs = round_trip().load(text)["runs"]
    lines = text.splitlines(keepends=True)
    nameless = params.without_family(plain(text))
    # by where they stand, last first; two names may be one block (*name)
    blocks = {(runs[name].lc.line, runs[name].lc.col): runs[name] for name in nameless}
    for _, run in sorted(blocks.items(), key=itemgetter(0), reverse=True):
        if merging or not run.merge:
            put_family(lines, run)
    return "".join(lines)


def put_family(lines: list[str], run: CommentedMap) -> None:
    """Insert `model` into `lines`, in place: after `dataset`, before the first key, or inside the braces."""
    line, keys = run.lc.line, own_keys(run)
    if run.fa.flow_style():
        inside = lines[line].index("{", run.lc.col) + 1  # an anchor may stand before it
        lines[line] = f"{lines[line][:inside]}model: {FAMILY}, {lines[line][inside:]}"
        return
    if "dataset" in keys:
        column = keys["dataset"][1]
        at = end_of(lines, *keys["dataset"])
    else:
        at = next(n for n in range(line, len(lines)) if lines[n].lstrip().startswith("<<"))
        column = lines[at].index("<<")
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    lines.insert(at, f"{' ' * column}model: {FAMILY}\n")
