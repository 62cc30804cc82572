"""What the README names is there. Its commands are run in tests/endtoend/test_readme.py."""

import html
import re

import networkx
import pytest
import yaml

from pipeline.paths import CONTINUED
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    "target", sorted(set(re.findall(r"(?:^|`)make (\w+)", README, re.MULTILINE)))
)
def test_every_make_target_named_exists(target: str):
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
)
def test_every_linked_file_exists(page: str):
    links = re.findall(r"\]\((?!http)([^)#]+)", (ROOT / page).read_text())
    assert links or page != "README.md"
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).is_file()] == []


def test_the_drawing_of_the_stages_is_theirs_less_what_follows():
    """docs/dag.svg, drawn of docs/dag.dot; an arrow that follows from others is left out."""
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    bodies = {
        name: stage.get("do", stage)
        for name, stage in stages.items()
        if not name.startswith(CONTINUED)
    }
    made = {
        out if isinstance(out, str) else next(iter(out)): name
        for name, body in bodies.items()
        for kind in ("outs", "metrics", "plots")
        for out in body.get(kind, [])
    }
    graph = networkx.DiGraph()
    for name, body in bodies.items():
        read = [re.sub(r"\$\{item\.(dataset|run)\}", "${key}", dep) for dep in body["deps"]]
        graph.add_edges_from(
            (made[out], name) for dep in read for out in made if out == dep or f"{dep}/" in out
        )
    expected = set(networkx.transitive_reduction(graph).edges)
    drawn = html.unescape((ROOT / "docs/dag.svg").read_text())
    shown = set(re.findall(r"<title>(\w+)->(\w+)</title>", drawn))
    assert shown - {("check", "download")} == expected
    source = re.findall(r"^ +(\w+) -> (\w+);", (ROOT / "docs/dag.dot").read_text(), re.MULTILINE)
    assert set(source) == expected
