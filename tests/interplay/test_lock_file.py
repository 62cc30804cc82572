"""dvc.lock after Snakemake has the bytes that DVC writes."""

from pathlib import Path

import pytest

from tests.interplay.tinyproject import Tiny, new_tiny

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
