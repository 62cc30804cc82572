"""An entry of dvc.lock is replaced where the file is laid out as DVC does it, and nowhere else."""

import pytest

from pipeline.engine import lock_file

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
    assert lock_file.replaced(LOCK, entry) == expected


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
    assert lock_file.replaced(text, "  make@x:\n    cmd: new\n") is None


def test_a_file_that_ends_within_the_name_of_a_hash_is_not_valid():
    """It is good YAML, and DVC would crash over `md`."""
    whole = (
        "schema: '2.0'\nstages:\n  make@x:\n    cmd: one\n    outs:\n    - path: a\n"
        "      md5: d41d8cd98f00b204e9800998ecf8427e\n      size: 0\n      hash: md5\n"
    )
    assert lock_file.is_valid(whole.encode())
    for end in ("hash: md", "hash: m"):
        assert not lock_file.is_valid(whole[: whole.index("hash: ") + len(end)].encode())
