"""The version is the same wherever it stands, and what cites the project can be read."""

import re

import yaml

from pipeline import __version__
from tests.conftest import ROOT


def test_the_version_is_the_same_everywhere():
    heading = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert heading and heading[1] == __version__
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == __version__


def test_the_citation_has_what_its_format_asks_for():
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert content["cff-version"] == "1.2.0"
    assert {"title", "message", "authors"} <= set(content)
    assert all({"type", "title", "authors"} <= set(each) for each in content["references"])
    assert len(content["references"][0]["authors"]) == 8


def test_the_container_takes_its_packages_from_the_files_that_pin_them():
    """It cannot be built here; at least what it copies is there, its context holds nothing else, and any --user has
    a name and a home: without them neither DVC nor Snakemake starts."""
    text = (ROOT / "Dockerfile").read_text()
    copied = re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE)[0].split()
    assert all((ROOT / name).is_file() for name in copied)
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored == ["*", *(f"!{name}" for name in copied)]
    (variables,) = re.findall(r"^ENV (.+)$", text, re.MULTILINE)
    assert {"USER", "HOME"} <= {each.partition("=")[0] for each in variables.split()}
    assert re.search(r"^torch==[0-9.]+$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
