"""`reproducible: anywhere`: who may use it, and what is left of the processor's own arithmetic."""

import json
import subprocess
import sys
import time

import pytest

from pipeline.cli import main
from pipeline.compute import arithmetic
from pipeline.errors import TrainingError
from pipeline.io import machine
from pipeline.io.files import write_safetensors
from tests.conftest import ROOT, environment

CAN = set(arithmetic.NEEDED) <= machine.flags()
needs_avx2 = pytest.mark.skipif(not CAN, reason="a processor without AVX2 and FMA")

ROOTS = """
import json, sys, numpy as np, torch
from pipeline.compute import devices
devices.reproducible(1)
random = np.random.default_rng(0)
wrong = 0
for kind in (np.float32, np.float64):
    x = random.exponential(size=20_000).astype(kind)
    exact = np.sqrt(x)
    t = torch.from_numpy(x)
    for found in (t.sqrt(), t.clone().sqrt_(), torch.sqrt(t, out=torch.empty_like(t))):
        wrong += int((found.numpy() != exact).sum())
leaf = torch.tensor([4.0, 9.0], requires_grad=True)
leaf.sqrt().sum().backward()
odd = torch.tensor([-1.0, 0.0, float("inf")]).sqrt().tolist()
print(json.dumps([
    wrong, leaf.grad.tolist(), repr(odd), torch.tensor([4]).sqrt().item(), torch.tensor(9.0).sqrt().item(),
    torch.empty(0).sqrt().shape, torch.backends.cpu.get_cpu_capability(),
]))
"""


def said(code: str, **variables: str) -> list:
    """What Python prints for `code` as JSON, with these variables of the environment."""
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", code],
        cwd=ROOT,
        env=environment() | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


@needs_avx2
def test_square_roots_are_rounded_correctly_where_mkl_approximates_them():
    wrong, slopes, odd, whole, scalar, empty, capability = said(ROOTS, **arithmetic.SHARED)
    assert wrong == 0
    assert slopes == pytest.approx([1 / 4, 1 / 6])
    assert odd == "[nan, 0.0, inf]"
    assert (whole, scalar, empty) == (2, 3, [0])
    assert capability == "AVX2"


@needs_avx2
def test_without_it_square_roots_are_those_of_mkl_which_are_not():
    """Otherwise the replacement is not needed any more."""
    assert said(ROOTS, MKL_CBWR="COMPATIBLE")[0] > 0


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the recipe that is to be the same anywhere."""
    (tmp_path / "params.yaml").write_text((ROOT / "recipes/anywhere.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    for name in arithmetic.SHARED:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@needs_avx2
@pytest.mark.parametrize("stage", ["train", "features", "sample", "parzen", "metrics", "figures"])
def test_a_stage_of_this_process_is_refused_because_torch_is_loaded_already(here, capsys, stage):
    about = {"train": {"reproducible": "anywhere"}}
    write_safetensors(here / "results/digits/model.safetensors", {}, about)
    assert main([stage, "digits"]) == 1
    assert "before PyTorch is loaded" in capsys.readouterr().err


def test_what_is_made_from_another_model_takes_this_processors_arithmetic(here, capsys):
    write_safetensors(here / "results/digits/model.safetensors", {}, {"train": {}})
    assert main(["metrics", "digits"]) == 1
    assert "is missing. Make it with: dvc repro" in capsys.readouterr().err


def test_a_processor_that_cannot_is_named(monkeypatch):
    monkeypatch.setattr(machine, "flags", lambda: frozenset({"sse2", "avx"}))
    with pytest.raises(TrainingError, match="needs Linux on an x86-64 processor with AVX2 and FMA"):
        arithmetic.enter("anywhere")
    arithmetic.enter("here")


@needs_avx2
def test_a_command_starts_itself_anew_with_the_arithmetic_of_all(here):
    """The same process, so that whoever started it can end it."""
    command = [sys.executable, "-m", "pipeline"]
    inherited = environment() | {"PYTHONPATH": str(ROOT)}
    for stage in ("download", "normalize"):
        subprocess.run([*command, stage, "line"], env=inherited, check=True)
    settings = (here / "params.yaml").read_text().replace("steps: 600", "steps: 20")
    (here / "params.yaml").write_text(settings.replace("log_steps: 50", "log_steps: 10"))
    started = subprocess.Popen([*command, "train", "line"], env=inherited)
    names = set()
    while started.poll() is None:
        names |= variables_of(started.pid) & set(arithmetic.SHARED)
        time.sleep(0.1)
    assert started.returncode == 0
    assert names == set(arithmetic.SHARED)
    assert (here / "results/line/model.safetensors").is_file()


def variables_of(process: int) -> set[str]:
    """Names of the variables that a process was started with; empty while it ends."""
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            return {pair.partition(b"=")[0].decode() for pair in file.read().split(b"\0")}
    except OSError:
        return set()
