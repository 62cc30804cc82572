"""Kinds of processors: those that give the same bits from the same settings and versions."""

import platform
from importlib.metadata import version

from pipeline.io import machine

ANY = "x86-64"  # of runs with `reproducible: anywhere`
# where a run asks for the same bits anywhere: it uses nothing of them that rounds
WITHOUT_INFLUENCE = ("python", "glibc")
# Instructions by which PyTorch, MKL and oneDNN choose how they add, the fewest first: a level has those before it.
LEVELS = (
    ("avx2", {"avx2", "fma"}),
    ("avx512", {"avx512f", "avx512bw", "avx512dq", "avx512vl"}),
    ("vnni", {"avx512_vnni"}),
    ("bf16", {"avx512_bf16"}),
    ("fp16", {"avx512_fp16"}),
    ("amx", {"amx_tile", "amx_bf16"}),
)
PACKAGES = (
    *("torch", "numpy", "scipy", "scikit-learn", "torch-fidelity"),
    *("matplotlib", "pillow", "zuko"),
)


def of_this_machine() -> str:
    """Maker and level, such as GenuineIntel-fp16; the architecture where the system does not tell."""
    flags, level = machine.flags(), "sse"
    if not flags:
        return platform.machine()
    for name, needed in LEVELS:
        if not needed <= flags:
            break
        level = name
    return f"{machine.maker()}-{level}"


def versions() -> dict[str, str]:
    """Of all that computes or draws."""
    library, number = platform.libc_ver()
    found = {name: version(name).partition("+")[0] for name in PACKAGES}
    return {
        "python": ".".join(platform.python_version_tuple()[:2]),
        **found,
        **({library: number} if library else {}),
    }
