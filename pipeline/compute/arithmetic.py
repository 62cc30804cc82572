"""`reproducible: anywhere`: arithmetic that every x86-64 processor with AVX2 and FMA does alike, bit for bit.

PyTorch, MKL, oneDNN, NumPy, OpenBLAS and glibc have a variant of each function for each generation of processors,
choose by what the processor can do, and no two variants round alike. They choose when they are loaded, by variables
of the environment, so a stage starts itself anew with these. docs/verify.md says how it was tested.

This module is imported before torch.
"""

import os
import platform
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from pipeline.errors import TrainingError
from pipeline.io import machine

if TYPE_CHECKING:
    from torch import Tensor

NEEDED = (
    "avx2",
    "fma",
)  # AVX2 of PyTorch's own: without it, exp and its like are those of the system's libm
SHARED = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_CBWR": "COMPATIBLE",  # its only branch that is the same on processors of all makers
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",  # else as many as there are cores
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    # the variants of libm with and without FMA differ in float64
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA,-FMA4,-AVX",
}


class NeedsRestart(TrainingError):
    """This process was started with another arithmetic."""


def enter(where: str) -> None:
    """Call it before torch is imported. `where`: here or anywhere, as in params.yaml.

    NeedsRestart unless this process has the arithmetic that is asked for; TrainingError if the processor has not.
    """
    if where == "here":
        return
    if sys.platform != "linux" or not set(NEEDED) <= machine.flags():
        raise TrainingError(
            f"reproducible: anywhere needs Linux on an x86-64 processor with AVX2 and FMA, and this is "
            f"{platform.system()} on {machine.processor()}. Set reproducible: here"
        )
    if not is_shared():
        raise NeedsRestart(
            "reproducible: anywhere is decided before PyTorch is loaded, so its stages need a process of their own: "
            "python -m pipeline STAGE NAME"
        )


def is_shared() -> bool:
    """Whether this process has the arithmetic of all processors."""
    return all(os.environ.get(name) == value for name, value in SHARED.items())


def restart() -> NoReturn:
    """Become the same command with the arithmetic of all processors; the process keeps its number."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, os.environ | SHARED)


@cache
def replace_square_roots() -> Any:
    """Let torch take square roots of NumPy, which rounds them correctly.

    MKL's are approximations that start at an instruction (rsqrtps) whose bits each maker chooses; MKL_CBWR does not
    reach them.
    """
    import torch

    library = torch.library.Library("aten", "IMPL", "CPU")
    for name, function in (("sqrt", root), ("sqrt_", root_), ("sqrt.out", root_out)):
        library.impl(name, function, allow_override=True)
    return library  # torch forgets the functions with it


def root(x: "Tensor") -> "Tensor":
    import torch

    kind = x.dtype if x.is_floating_point() else torch.get_default_dtype()
    return root_out(x, out=torch.empty_like(x, dtype=kind))


def root_(x: "Tensor") -> "Tensor":
    return root_out(x, out=x)


def root_out(x: "Tensor", *, out: "Tensor") -> "Tensor":
    import numpy as np
    import torch

    with np.errstate(invalid="ignore"):  # of negative numbers NaN, without a word, as torch
        roots = np.sqrt(x.detach().to(out.dtype).numpy())
    out.resize_(x.shape).copy_(torch.from_numpy(np.asarray(roots)))
    return out
