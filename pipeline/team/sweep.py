"""python -m pipeline sweep: write variants of a run into params.yaml, which says all that is run.

DVC fans out over the keys of `runs:` and cannot nest a second list in that, so every point of a grid
is a run of its own, written in full below the run that it varies: `dvc exp run -S` can change any
value of it. Every other line of the file stays.
"""

import copy
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError

from pipeline.config import params
from pipeline.config.editing import differing, end_of, own_keys, plain, round_trip, write_text
from pipeline.config.reading import BAD_TEXT
from pipeline.engine.input_guard import value_at
from pipeline.errors import ConfigError

USAGE = "for example: python -m pipeline sweep mnist seed=0,1,2 train.steps=1000,2000"
SHARED = re.compile(
    r"^[^#]*(?:[\s{\[,][&*]\w|<<:)"
)  # an anchor, an alias or a merge, not in a comment
BRACES = 100  # characters: a longer block in braces is written out, a key in each line


@dataclass(frozen=True)
class Value:
    text: str  # as it was typed: 1e-3 stays 1e-3
    value: Any

    @property
    def word(self) -> str:
        """For a name: letters, digits and _ only."""
        sign = "minus" if self.text.startswith("-") else ""
        return sign + re.sub(r"[^A-Za-z0-9]+", "_", self.text).strip("_")


@dataclass(frozen=True)
class Axis:
    key: str  # below the run, such as train.steps
    values: list[Value]


Point = tuple[tuple[str, Value], ...]  # key and value, on those axes where it differs from the run


@dataclass
class Written:
    """What a sweep comes to: the new text, and the names of its runs by what became of them."""

    text: str
    added: list[str]
    present: list[str]  # as they should be
    rewritten: list[str]


def sweep(path: Path, run: str, assignments: list[str], rewrite: bool = False) -> Written:
    """Write the grid over `assignments` (KEY=VALUE,VALUE,...) of `run` into the file.

    A run of the grid that is there already and differs from `run` in more than its point is replaced if
    `rewrite`, and else a ConfigError. Nothing is written if any run of the grid is not valid.
    """
    if "=" in run:
        raise ConfigError(f"name the run first; {USAGE}")
    params.load(path)
    axes = [parse(assignment) for assignment in assignments]
    twice = {axis.key for axis in axes if [other.key for other in axes].count(axis.key) > 1}
    if twice or not axes:
        raise ConfigError(f"give every key to vary once, with its values; {USAGE}")
    again = f"sweep {run} {' '.join(assignments)} --rewrite"
    text = path.read_text(encoding="utf-8")
    written = with_grid(text, run, axes, path, rewrite, again)
    write_text(path, written.text, text)
    return written


def fan_out(path: Path, rewrite: bool = False) -> Written:
    """Replace every `seeds: [0, 1, 2]` in the file by a run for each of them."""
    runs = params.listed(params.read(path))
    asked = {name: run["seeds"] for _, name, run in runs if params.has_seeds(run)}
    if not asked:
        raise ConfigError(f"no run in {path} has seeds:, so name a run and its values; {USAGE}")
    text = path.read_text(encoding="utf-8")
    written = Written(text, [], [], [])
    nodes = {name: runs_with(written.text, name)[1][name] for name in asked}
    for group, name, _ in runs:
        if name in asked:
            check_seeds(f"{group}.{name}.seeds", asked[name])
    # others have `seeds` from a block that they merge in, and lose it with that one
    own = [name for name in asked if "seeds" in own_keys(nodes[name])]
    for name in own:
        written.text = without_seeds(written.text, name, asked[name])
    for name in own:
        axis = Axis("seed", [Value(str(seed), seed) for seed in asked[name]])
        one = with_grid(written.text, name, [axis], path, rewrite, "sweep --rewrite")
        written.text = one.text
        written.added += one.added
        written.present += one.present
        written.rewritten += one.rewritten
    write_text(path, written.text, text)
    return written


def write_in_full(path: Path) -> list[str]:
    """Write out every run that shares a block (&name, *name, <<); their names. Their comments go."""
    params.read(path)
    text = path.read_text(encoding="utf-8")
    content, lines = round_trip().load(text), text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    written: list[str] = []
    places = {
        place: (name, content[group][name])
        for group in params.RUNS
        if isinstance(content.get(group), CommentedMap)
        for name, place in own_keys(content[group]).items()
    }
    for (first, column), (name, run) in sorted(places.items(), key=itemgetter(0), reverse=True):
        end = end_of(lines, first, column)
        if any(SHARED.search(line) for line in lines[first:end]):
            lines[first:end] = block(name, run, (), column)
            written.insert(0, name)
    new = "".join(lines)
    try:
        done = plain(new) == plain(text)
    except YAMLError:
        done = False
    if not done:
        raise ConfigError(f"{path} is written in a way that cannot be changed line by line")
    write_text(path, new, text)
    return written


def check_seeds(where: str, seeds: Any) -> None:
    whole = isinstance(seeds, list) and all(type(seed) is int and seed >= 0 for seed in seeds)
    if not whole or not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"{where}: found {seeds!r}, must be a list of different whole numbers, such as [0, 1, 2]"
        )


def parse(assignment: str) -> Axis:
    """KEY=VALUE,VALUE,...; a value is YAML: 1e-3, true, [64, 64], {name: sgd, lr: 0.1}."""
    key, equals, text = assignment.partition("=")
    listed = f"[{text}]"
    try:
        nodes = YAML(pure=True).compose(listed).value
        raw = [listed[node.start_mark.index : node.end_mark.index].strip() for node in nodes]
        values = [Value(*pair) for pair in zip(raw, plain(listed), strict=True)]
    except BAD_TEXT:
        values = []
    if not re.fullmatch(r"\w+(\.\w+)*", key) or not equals or not values:
        raise ConfigError(f"{assignment!r} is not KEY=VALUE,VALUE,...; {USAGE}")
    if len({str(value.value) for value in values}) < len(values):
        raise ConfigError(f"{assignment}: a value stands there twice")
    return Axis(key, values)


def with_grid(
    text: str, run: str, axes: list[Axis], path: Path, rewrite: bool, again: str
) -> Written:
    """`text` with the runs of the grid; `again`: the command that replaces those that differ."""
    content = plain(text)
    valid = params.validate(content, str(path))
    if run not in valid.every_run:
        raise ConfigError(f"{path} has no runs.{run}; it has: {', '.join(valid.every_run)}")
    group = "continued" if run in valid.continued else "runs"
    there = valid.model_dump(mode="json")[group]
    written = Written(text, [], [], [])
    points: dict[str, Point] = {}
    differences = []
    for point in grid(axes, there[run]):
        name, varied = name_of(run, point, axes), with_values(content[group][run], point)
        if name in points:
            raise ConfigError(f"two of the values make the same name, {name}; sweep them in turn")
        # under the name that the user knows: a mistake is then told by the path that was typed
        tried = {**content, group: {**content[group], run: varied}}
        wanted = params.validate(tried, str(path)).model_dump(mode="json")[group][run]
        points[name] = point
        if name == run or wanted == there.get(name):
            written.present.append(name)
        elif name in there:
            written.rewritten.append(name)
            keys = ", ".join(differing(there[name], wanted))
            differences.append(
                f"{group}.{name} differs from what {group}.{run} would make of it: {keys}"
            )
        else:
            written.added.append(name)
    if differences and not rewrite:
        raise ConfigError(
            "\n  ".join([f"{path}: nothing is written", *differences])
            + f"\n  Next: python -m pipeline {again} (or give the runs that differ other names)"
        )
    try:
        for name in [*written.rewritten, *written.added]:
            content[group][name] = with_values(content[group][run], points[name])
            written.text = with_run(written.text, run, name, points[name], path)
        done = plain(written.text) == content
    except YAMLError:  # an anchor that others refer to is gone
        done = False
    if not done:
        raise ConfigError(
            f"{path} is written in a way that cannot be added to; write each run of {group}: as an "
            "indented block, as in recipes/quick.yaml"
        )
    return written


def runs_with(text: str, run: str) -> tuple[str, CommentedMap]:
    """The group that holds `run`, and its runs as they are written."""
    content = round_trip().load(text)
    group = next(group for group in params.RUNS if run in (content.get(group) or {}))
    return group, content[group]


def grid(axes: list[Axis], run: dict) -> Iterator[Point]:
    for values in itertools.product(*(axis.values for axis in axes)):
        pairs = zip((axis.key for axis in axes), values, strict=True)
        yield tuple((key, value) for key, value in pairs if value_at(run, key) != value.value)


def with_values(run: dict, point: Point) -> dict:
    """A copy of `run` with the values of `point`; what it leaves alone is shared."""
    run = dict(run)
    for key, value in point:
        part, _, rest = key.partition(".")
        inner = run.get(part)
        run[part] = (
            with_values(inner if isinstance(inner, dict) else {}, ((rest, value),))
            if rest
            else value.value
        )
    return run


def name_of(run: str, point: Point, axes: list[Axis]) -> str:
    """mnist_seed1_lr1e_3: the run, and what differs; never another name for the same point."""
    keys = [axis.key for axis in axes]
    return "_".join([run, *(f"{label(key, keys)}{joined(value.word)}" for key, value in point)])


def label(key: str, keys: list[str]) -> str:
    """The last part of the key, or as many as tell it from the others."""
    parts = key.split(".")
    for count in range(1, len(parts) + 1):
        ending = parts[-count:]
        if sum(other.split(".")[-count:] == ending for other in keys) == 1:
            break
    return "_".join(ending)


def joined(word: str) -> str:
    return word if word[:1].isdigit() else f"_{word}"


def with_run(text: str, run: str, name: str, point: Point, path: Path) -> str:
    """`text` with `name`, which is `run` but for `point`: in its place, or below the runs of the sweep."""
    group, runs = runs_with(text, run)
    if runs.fa.flow_style():
        raise ConfigError(f"{path}: write {group}: as indented blocks, not in braces")
    lines = text.splitlines(keepends=True)
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    places, names = own_keys(runs), list(own_keys(runs))
    if name in places:
        first, column = places[name]
        lines[first : end_of(lines, first, column)] = block(name, runs[run], point, column)
    else:
        last = names.index(run)
        while last + 1 < len(names) and names[last + 1].startswith(f"{run}_"):
            last += 1
        first, column = places[names[last]]
        at = end_of(lines, first, column)
        lines[at:at] = block(name, runs[run], point, column)
    return "".join(lines)


def block(name: str, run: CommentedMap, point: Point, column: int) -> list[str]:
    """The lines of a run in full, without anchors and comments."""
    node = in_full(run)
    node.fa.set_block_style()
    for key, value in point:
        *parents, last = key.split(".")
        inner = node
        for part in parents:
            if not isinstance(inner.get(part), dict):
                inner[part] = CommentedMap()
                inner[part].fa.set_flow_style()
            inner = inner[part]
        inner[last] = in_full(round_trip().load(f"[{value.text}]")[0])
    dumped = io.StringIO()
    round_trip().dump({name: node}, dumped)
    return [" " * column + line for line in dumped.getvalue().splitlines(keepends=True)]


def in_full(node: Any) -> Any:
    """A copy that shares no block, what it merges in written out; short blocks stay in braces."""
    if isinstance(node, CommentedMap | CommentedSeq):
        new: Any = type(node)()
        if isinstance(node, CommentedMap):
            merged = [key for source in node.merge for key in source]  # in the order of that block
            for key in dict.fromkeys([*merged, *node]):
                new[key] = in_full(node[key])
        else:
            new.extend(map(in_full, node))
        if node.fa.flow_style() and len(str(node)) <= BRACES:
            new.fa.set_flow_style()
        else:
            new.fa.set_block_style()
        return new
    node = copy.deepcopy(node)
    if hasattr(node, "anchor"):  # of a number or a word
        node.anchor.value = None
    return node


def without_seeds(text: str, name: str, seeds: list[int]) -> str:
    """`seeds` of a run taken out; the run keeps its `seed` if that is one of them, and else gets the first."""
    _, runs = runs_with(text, name)
    run, keys, lines = runs[name], own_keys(runs[name]), text.splitlines(keepends=True)
    wanted = run["seed"] if run.get("seed") in seeds else seeds[0]
    if run.fa.flow_style():
        words = [(keys["seeds"], r"[^\]]*\]", f"seed: {wanted}")]
        if "seed" in keys:
            words.append((keys["seed"], r"[^,}]*,?\s*", ""))
        for (line, column), pattern, new in sorted(words, reverse=True):
            rest = "".join(lines[line:])
            rest = rest[:column] + re.sub(pattern, new, rest[column:], count=1)
            lines[line:] = rest.splitlines(keepends=True)
        return "".join(lines)
    line, column = keys["seeds"]
    seed = [f"{' ' * column}seed: {wanted}\n"]
    edits = [(line, end_of(lines, line, column), [] if "seed" in keys else seed)]
    if "seed" in keys and run["seed"] != wanted:
        edits.append((keys["seed"][0], keys["seed"][0] + 1, seed))
    for first, end, instead in sorted(edits, reverse=True):
        lines[first:end] = instead
    return "".join(lines)
