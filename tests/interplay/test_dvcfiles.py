"""What is done for DVC comes out as DVC does it, byte for byte."""

from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import LOADERS, YAMLError, load_yaml

from pipeline.engine import dvcfiles
from tests.interplay.tinyproject import Tiny, new_tiny

LOCK = """\
schema: '2.0'
stages:
  make@x:
    cmd: one
    outs:
    - path: a
  make@y:
    cmd: two
  make@x2:
    cmd: three
"""
SNAKEMAKE = ("snakemake", "--cores", "2")
DUMP_ALL = """
from dvc.repo import Repo
with Repo() as repo:
    for stage in repo.index.stages:
        stage.dump(update_pipeline=False)
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return new_tiny(tmp_path / "a tiny project")


def test_the_lock_file_of_snakemake_is_what_dvc_writes(tiny: Tiny):
    """Entries added (by DVC the first, which lays the file out), replaced, and of a long command."""
    tiny.edit(
        "dvc.yaml", "python code/grow.py ${key}", f"python code/grow.py ${{key}} {'word ' * 40}"
    )
    tiny.run(*SNAKEMAKE)
    tiny.set("x", factor=3)
    tiny.run(*SNAKEMAKE)
    ours = (tiny.path / "dvc.lock").read_bytes()
    assert ours.count(b"cmd:") == 5
    tiny.run("python", "-c", DUMP_ALL)
    assert (tiny.path / "dvc.lock").read_bytes() == ours
    tiny.run("dvc", "commit", "--force")
    assert (tiny.path / "dvc.lock").read_bytes() == ours


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("  make@x:\n    cmd: new\n", LOCK.replace("one\n    outs:\n    - path: a", "new")),
        ("  make@y:\n    cmd: new\n    wdir: b\n", LOCK.replace("two", "new\n    wdir: b")),
        ("  make@x2:\n    cmd: new\n", LOCK.replace("three", "new")),
        ("  make@x3:\n    cmd: new\n", f"{LOCK}  make@x3:\n    cmd: new\n"),
    ],
)
def test_an_entry_is_replaced_in_its_place_or_added_at_the_end(entry: str, expected: str):
    assert dvcfiles.replaced(LOCK, entry) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "schema: '2.0'\nstages: {}\n",
        "stages:\n  a:\n    cmd: b\n",
        f"{LOCK}datasets:\n- name: d\n",
        LOCK.replace("one", "&id001 one"),
        LOCK.rstrip("\n"),
    ],
    ids=["empty", "no stage", "no schema", "datasets", "anchor", "cut off"],
)
def test_a_file_of_another_shape_is_left_to_dvc(text: str):
    assert dvcfiles.replaced(text, "  make@x:\n    cmd: new\n") is None


def test_params_are_parsed_again_when_their_content_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(LOADERS, ".yaml", load_yaml)  # restored after the test
    dvcfiles.parse_params_once()
    path, local = tmp_path / "params.yaml", LocalFileSystem()
    path.write_text("a: 1")
    first = LOADERS[".yaml"](str(path), fs=local)
    assert LOADERS[".yaml"](str(path), fs=local) is first == {"a": 1}
    path.write_text("a: 2")
    assert LOADERS[".yaml"](str(path), fs=local) == {"a": 2}
    path.write_text("a: [")
    with pytest.raises(YAMLError):
        LOADERS[".yaml"](str(path), fs=local)
    path.write_bytes(b"a: \xff")
    with pytest.raises(Exception, match="is not valid utf-8"):
        LOADERS[".yaml"](str(path), fs=local)
