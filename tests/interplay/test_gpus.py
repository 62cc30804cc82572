"""Snakemake runs as many trainings at once as there are GPUs; with none, it is no obstacle."""

import os
from pathlib import Path

import pytest

from tests.interplay.tinyproject import Tiny, new_tiny

# appended to the stage `make`: which device it had, and from when to when
LEASE = """
import pathlib, time
sys.path.insert(0, ".")
from pipeline.compute import gpus

with gpus.lease(1, f"make {name}") as devices, open("../leases", "a") as leases:
    begun = time.monotonic()
    if devices:  # stay until two are at work, or it is clear that they will not be
        (here := pathlib.Path(f"../{name}.at-work")).touch()
        while len(list(here.parent.glob("*.at-work"))) < 2 and time.monotonic() < begun + 15:
            time.sleep(0.05)
    leases.write(f"{''.join(devices)} {begun} {time.monotonic()}\\n")
"""


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    """Four runs whose stage `make` takes a GPU; a stand-in for nvidia-smi says there are two."""
    made = new_tiny(tmp_path / "a tiny project")
    made.write({"runs": {name: {"source": "a", "base": 0, "factor": 0} for name in "abcd"}})
    code = made.path / "code/make.py"
    code.write_text(code.read_text() + LEASE)
    made.edit("dvc.yaml", "resources: {runtime: 9, mem_mb: 900}", "gpu: 1")
    tool = tmp_path / "bin/nvidia-smi"
    tool.parent.mkdir()
    tool.write_text("#!/bin/sh\nprintf '0\\n1\\n'\n")
    tool.chmod(0o755)
    return made


def leases(tiny: Tiny, *command: str, gpus: bool = True) -> tuple[set[str], int]:
    """Devices that `command` used, and how many stages had one at the same time at most."""
    place = tiny.path.parent
    path = f"{place / 'bin'}:{os.environ['PATH']}" if gpus else os.environ["PATH"]
    tiny.run(*command, "make_a", "make_b", "make_c", "make_d", PATH=path, TMPDIR=str(place))
    rows = [line.rsplit(" ", 2) for line in (place / "leases").read_text().splitlines()]
    spans = [(float(begun), float(ended)) for _, begun, ended in rows]
    at_once = [sum(b <= begun < e for b, e in spans) for begun, _ in spans]
    return {device for device, _, _ in rows}, max(at_once)


def test_two_gpus_run_two_trainings_at_once_each_on_its_own(tiny: Tiny):
    assert leases(tiny, "snakemake", "--cores", "4") == ({"0", "1"}, 2)


def test_no_gpu_is_no_limit(tiny: Tiny):
    devices, _ = leases(tiny, "snakemake", "--cores", "4", gpus=False)
    assert devices == {""}
