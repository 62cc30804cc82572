"""python -m pipeline sweep: write variants of a run into params.yaml, which says all that is run.

DVC fans out over the keys of `runs:` and cannot nest a second list in that, so every point of a grid
is a run of its own. It refers to the run that it varies by an anchor and merge keys of YAML, and so
follows that one's later changes. Lines are added, `seeds:` is taken out; every other byte stays.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, SequenceNode

from pipeline.config import params
from pipeline.errors import ConfigError
from pipeline.io.files import write_bytes

USAGE = "for example: python -m pipeline sweep mnist seed=0,1,2 train.steps=1000,2000"
MERGE = "<<"


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
    """What a sweep comes to: the new text, the names it added, those that were there already."""

    text: str
    added: list[str]
    present: list[str]


def sweep(path: Path, run: str, assignments: list[str]) -> Written:
    """Write the grid over `assignments` (KEY=VALUE,VALUE,...) of `run` into the file.

    Nothing is written if any of its runs is not valid or has the name of another one: ConfigError.
    """
    if "=" in run:
        raise ConfigError(f"name the run first; {USAGE}")
    params.load(path)
    axes = [parse(assignment) for assignment in assignments]
    twice = {axis.key for axis in axes if [other.key for other in axes].count(axis.key) > 1}
    if twice or not axes:
        raise ConfigError(f"give every key to vary once, with its values; {USAGE}")
    written = with_grid(path.read_text(encoding="utf-8"), run, axes, str(path))
    return save(path, written)


def fan_out(path: Path) -> Written:
    """Replace every `seeds: [0, 1, 2]` in the file by a run for each of them."""
    runs = params.read(path).get("runs") or {}
    asked = {name: run["seeds"] for name, run in runs.items() if params.has_seeds(run)}
    if not asked:
        raise ConfigError(f"no run in {path} has seeds:, so name a run and its values; {USAGE}")
    for name, seeds in asked.items():
        check_seeds(f"runs.{name}.seeds", seeds)
    text = path.read_text(encoding="utf-8")
    own_seed = {name for name in asked if child(run_node(text, name, path), "seed", merged=False)}
    own_seeds = [name for name in asked if child(run_node(text, name, path), "seeds", merged=False)]
    for name in own_seeds:
        text = without_seeds(text, name, path)
    added, present = [], []
    for name, seeds in asked.items():
        if name in own_seed and name not in own_seeds:
            continue  # `seeds` came with a merge key: this is one of the runs it was fanned out to
        axis = Axis("seed", [Value(str(seed), seed) for seed in seeds])
        written = with_grid(text, name, [axis], str(path))
        text = written.text
        added += written.added
        present += written.present
    return save(path, Written(text, added, present))


def save(path: Path, written: Written) -> Written:
    write_bytes(path, written.text.encode())
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
    except (YAMLError, ValueError):
        values = []
    if not re.fullmatch(r"\w+(\.\w+)*", key) or not equals or not values:
        raise ConfigError(f"{assignment!r} is not KEY=VALUE,VALUE,...; {USAGE}")
    if len({str(value.value) for value in values}) < len(values):
        raise ConfigError(f"{assignment}: a value stands there twice")
    return Axis(key, values)


def with_grid(text: str, run: str, axes: list[Axis], where: str) -> Written:
    content = plain(text)
    valid = params.validate(content, where)
    if run not in valid.runs:
        raise ConfigError(f"{where} has no runs.{run}; it has: {', '.join(valid.runs)}")
    defaults = valid.model_dump(mode="json")["runs"]
    added: dict[str, Point] = {}
    present = []
    for point in grid(axes, defaults[run]):
        varied = with_values(content["runs"][run], point)
        # under the name that the user knows: a mistake is then told by the path that was typed
        dumped = params.validate({**content, "runs": {**content["runs"], run: varied}}, where)
        name = name_of(run, point, axes)
        if name in added:
            raise ConfigError(f"two of the values make the same name, {name}; sweep them in turn")
        if name == run or dumped.model_dump(mode="json")["runs"][run] == defaults.get(name):
            present.append(name)
        elif name in defaults:
            raise ConfigError(
                f"{where} has a runs.{name} already, and it is another one; rename it"
            )
        else:
            added[name] = point
            content["runs"][name] = varied
    new = Editor(text, where).add(run, added)
    if plain(new) != content:
        raise ConfigError(
            f"{where} is written in a way that cannot be added to; write each run of runs: as an "
            "indented block, as in recipes/quick.yaml"
        )
    return Written(new, list(added), present)


def grid(axes: list[Axis], run: dict) -> Iterator[Point]:
    for values in itertools.product(*(axis.values for axis in axes)):
        pairs = zip((axis.key for axis in axes), values, strict=True)
        yield tuple((key, value) for key, value in pairs if value_at(run, key) != value.value)


def value_at(run: Any, key: str) -> Any:
    for part in key.split("."):
        if not isinstance(run, dict) or part not in run:
            return None
        run = run[part]
    return run


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


def plain(text: str) -> Any:
    return YAML(typ="safe").load(text)


def run_node(text: str, run: str, where: object) -> Node:
    found = find(YAML(pure=True).compose(text), ["runs", run])
    if found is None:
        raise ConfigError(f"{where} has no runs.{run}")
    return found[1]


def child(node: Node, key: str, merged: bool = True) -> tuple[Node, Node] | None:
    """The nodes of `key` and of its value, also if they come with a merge key."""
    if not isinstance(node, MappingNode):
        return None
    for pair in node.value:
        if pair[0].value == key:
            return pair
    for name, value in node.value if merged else ():
        if name.value == MERGE:
            for source in value.value if isinstance(value, SequenceNode) else [value]:
                if (found := child(source, key)) is not None:
                    return found
    return None


def find(node: Node, keys: list[str]) -> tuple[Node, Node] | None:
    found = None
    for key in keys:
        found = child(node, key)
        if found is None:
            return None
        node = found[1]
    return found


def last_index(pair: tuple[Node, Node]) -> int:
    """Where the text of a key and its value ends, without the comments and blank lines after it."""
    key, value = pair
    if value.start_mark.index < key.start_mark.index:  # an alias: its text is one word
        return key.end_mark.index
    if isinstance(value, MappingNode) and not in_braces(value):
        return max(map(last_index, value.value), default=key.end_mark.index)
    if isinstance(value, SequenceNode) and not in_braces(value):
        return max((last_index((key, item)) for item in value.value), default=key.end_mark.index)
    return value.end_mark.index


def in_braces(node: Node) -> bool:
    return isinstance(node, CollectionNode) and bool(node.flow_style)


def end_of_line(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1


def without_seeds(text: str, run: str, where: object) -> str:
    """`seeds` taken out; the run keeps its `seed` if that is one of them, and else gets the first."""
    values = plain(text)["runs"][run]
    node = run_node(text, run, where)
    seeds, seed = (child(node, key, merged=False) for key in ("seeds", "seed"))
    assert seeds is not None
    wanted = values["seeds"][0] if values.get("seed") not in values["seeds"] else values["seed"]
    edits = []
    start, end = seeds[0].start_mark.index, last_index(seeds)
    if seed is None and values.get("seed") != wanted:
        edits.append((start, end, f"seed: {wanted}"))
    elif in_braces(node):
        comma = re.match(r"\s*,\s*", text[end:])
        before = re.search(r"\s*,\s*$", text[:start])
        end += comma.end() if comma else 0
        edits.append((before.start() if before and not comma else start, end, ""))
    else:
        edits.append((text.rfind("\n", 0, start) + 1, end_of_line(text, end), ""))
    if seed is not None:
        edits.append((seed[1].start_mark.index, seed[1].end_mark.index, str(wanted)))
    return edited(text, edits)


def edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    """`text` with other words from one index to another, for each of `edits`."""
    for start, end, words in sorted(edits, reverse=True):
        text = text[:start] + words + text[end:]
    return text


class Editor:
    """Puts runs into the text beside the one that they vary."""

    def __init__(self, text: str, where: str):
        self.text = text
        self.root = YAML(pure=True).compose(text)
        self.taken = set(re.findall(r"&(\w+)", text))
        self.given: dict[int, str] = {}  # anchors that the text gets
        self.insertions: list[tuple[int, int, str]] = []
        self.where = where

    def add(self, run: str, points: dict[str, Point]) -> str:
        runs = child(self.root, "runs")
        assert runs is not None
        if in_braces(runs[1]):
            raise ConfigError(f"{self.where}: write runs: as indented blocks, not in braces")
        pair = child(runs[1], run)
        assert pair is not None
        indent = " " * pair[0].start_mark.column
        lines = [
            line
            for name, point in points.items()
            for line in self.variant(indent, name, [run], list(point))
        ]
        after = end_of_line(self.text, last_index(self.last_variant(runs[1], run)))
        newline = "" if self.text[:after].endswith("\n") else "\n"
        self.insertions.append((after, after, newline + "".join(f"{line}\n" for line in lines)))
        return edited(self.text, self.insertions)

    def last_variant(self, runs: Node, run: str) -> tuple[Node, Node]:
        """`run`, or the last of the runs right below it whose names begin with its name."""
        names = [key.value for key, _ in runs.value]
        place = names.index(run)
        while place + 1 < len(names) and names[place + 1].startswith(f"{run}_"):
            place += 1
        return runs.value[place]

    def variant(self, indent: str, name: str, keys: list[str], point: list) -> list[str]:
        """The lines of `name`, which is what stands at runs.`keys` but for the values of `point`."""
        pair = find(self.root, ["runs", *keys])
        merge = (
            [f"{MERGE}: *{self.anchor(keys, *pair)}"]
            if pair is not None and isinstance(pair[1], MappingNode)
            else []
        )
        inner: dict[str, list] = {}
        for key, value in point:
            part, _, rest = key.partition(".")
            inner.setdefault(part, []).append((rest, value))
        if all(rest == "" for rests in inner.values() for rest, _ in rests):
            values = [f"{part}: {rests[0][1].text}" for part, rests in inner.items()]
            return [f"{indent}{name}: {{{', '.join([*merge, *values])}}}"]
        lines = [f"{indent}{name}:", *(f"{indent}  {entry}" for entry in merge)]
        for part, rests in inner.items():
            if rests[0][0] == "":
                lines.append(f"{indent}  {part}: {rests[0][1].text}")
            else:
                lines += self.variant(f"{indent}  ", part, [*keys, part], rests)
        return lines

    def anchor(self, keys: list[str], key: Node, value: Node) -> str:
        """The anchor of `value`, which gets one if it has none."""
        name = value.anchor or self.given.get(id(value))
        if name is None:
            wish = "_".join(keys)
            free = itertools.chain([wish], (f"{wish}_{count}" for count in itertools.count(2)))
            name = next(candidate for candidate in free if candidate not in self.taken)
            self.taken.add(name)
            self.given[id(value)] = name
            colon = self.text.index(":", key.end_mark.index) + 1
            self.insertions.append((colon, colon, f" &{name}"))
        return name
