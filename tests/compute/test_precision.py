"""`precision: auto`: from the committed table, for the processor and the size of the products."""

from pathlib import Path

import pytest
import torch

from pipeline.compute import precision
from pipeline.compute.precision import Products
from pipeline.config import params
from pipeline.models.gan import products

CPU = torch.device("cpu")
BIG = Products("linear", 10**9)


@pytest.fixture
def cpu(monkeypatch):
    def become(maker: str, *units: str) -> None:
        monkeypatch.setattr(precision, "maker", lambda: maker)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(units, True))

    return become


@pytest.mark.parametrize(
    ("maker", "units", "size", "chosen", "said"),
    [
        ("AuthenticAMD", ["avx2"], BIG, "float32", False),
        ("AuthenticAMD", ["avx512_bf16"], BIG, "bf16", False),
        ("AuthenticAMD", ["avx512_bf16"], Products("linear", 10**6), "float32", False),
        ("AuthenticAMD", ["avx512_bf16"], Products("convolution"), "bf16", False),
        ("AuthenticAMD", ["amx_bf16"], Products("convolution"), "float32", True),
        ("GenuineIntel", ["avx512_bf16"], BIG, "float32", False),
        ("GenuineIntel", ["avx512_bf16"], Products("convolution"), "float32", False),
        ("GenuineIntel", ["amx_bf16", "avx512_bf16"], BIG, "float32", True),
    ],
)
def test_the_table_decides(cpu, maker, units, size, chosen, said):
    cpu(maker, *units)
    assert precision.choose("auto", CPU, size) == chosen
    words = precision.unmeasured(CPU, size)
    assert (words is not None) == said
    if words:
        assert "python -m benchmarks.training" in words and maker in words


def test_a_precision_that_is_named_is_taken(cpu):
    cpu("AuthenticAMD", "avx512_bf16")
    for name in ("float32", "bf16", "fp16"):
        assert precision.choose(name, CPU, BIG) == name


@pytest.mark.parametrize(
    ("file", "run", "shape", "expected"),
    [
        ("params.yaml", "mnist", (1, 28, 28), Products("linear", 96 * 1200 * 1200)),
        ("recipes/paper.yaml", "paper", (1, 28, 28), Products("linear", 100 * 1200 * 1200)),
        ("params.yaml", "line", (1, 1, 1), Products("linear", 256 * 64 * 64)),
        ("recipes/ganhacks_28.yaml", "dcgan_s0", (1, 28, 28), Products("convolution")),
    ],
)
def test_the_largest_product_is_that_of_the_widest_layers(file, run, shape, expected):
    settings = params.load(Path(file)).runs[run].train
    assert products.largest(settings, shape) == expected
