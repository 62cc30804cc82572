"""Device, precision, and the settings that make results reproducible bit for bit."""

import contextlib
import os
from collections.abc import Callable
from typing import TypeVar, cast

import torch
from torch import Tensor

from pipeline.compute import arithmetic, streams
from pipeline.errors import TrainingError

F = TypeVar("F", bound=Callable)

# precisions whose matrix products use 16-bit copies of the weights
LOW = {"bf16": torch.bfloat16, "fp16": torch.float16}


def choose(
    name: str,
    precision: str = "float32",
    count: int = 1,
    index: int = 0,
    *,
    where: str = "train",
    doubles: bool = False,
) -> torch.device:
    """The device `name`, the `index`-th of `count`; `auto` takes CUDA, then MPS, then the CPU.

    On the CPU a device is a process. `where`: the block of params.yaml whose `device` it is; `doubles`: it has to
    compute in float64, as MPS does not. TrainingError if the machine lacks the device, the number or the precision.
    """
    there = {"cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}
    there |= {"mps": int(torch.backends.mps.is_available() and not doubles), "cpu": count}
    if name == "auto":
        name = next(device for device, number in there.items() if number)
    if not there[name]:
        offered = ", ".join(device for device, number in there.items() if number)
        raise TrainingError(
            f"{where}.device is {name}, but this machine offers only: {offered}. "
            f"Set device: auto in params.yaml to take the best there is."
        )
    if there[name] < count:
        raise TrainingError(
            f"{where}.devices is {count}, but there are {there[name]} of type {name} here (as far as this "
            f"job may see them). Set devices: {there[name]}, or device: cpu to use {count} processes."
        )
    if precision == "tf32" and name != "cuda":
        raise TrainingError(
            f"{where}.precision is tf32, which CUDA devices have and {name} has not; use float32 or bf16"
        )
    return torch.device(name, index) if name == "cuda" else torch.device(name)


def reproducible(threads: int, precision: str = "float32", compiling: bool = False) -> None:
    """Make PyTorch add in the same order every time: fixed `threads`, deterministic kernels.

    Changes global settings. Call it before anything runs on CUDA: cuBLAS reads its setting once. In a process with
    the arithmetic of all processors (compute/arithmetic.py) it removes what is left of this one's.
    """
    if arithmetic.is_shared():
        arithmetic.replace_square_roots()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_num_threads(threads)
    if compiling:
        torch.use_deterministic_algorithms(True)
    else:  # the same without torch.compile's part, which takes two seconds to import
        torch.set_deterministic_debug_mode("error")
    # PyTorch would overwrite all memory that a kernel is about to write to, for those who read it too early
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    # float32 means float32: by default cuDNN's convolutions round to TF32
    kind = "tf32" if precision == "tf32" else "ieee"
    torch.backends.cuda.matmul.fp32_precision = kind
    torch.backends.cudnn.conv.fp32_precision = kind  # type: ignore[attr-defined]


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Matrix products in 16 bits when asked for; weights, sums and losses stay float32.

    Without autocast's cache, which would hold the biases of before a step until the block ends: one block spans the
    steps of both players.
    """
    if precision not in LOW:
        return contextlib.nullcontext()
    return torch.autocast(device.type, LOW[precision], cache_enabled=False)


DATA_SHARE = 0.5  # of a device's free memory, at most; nets and batches need the rest


def place(images_NCHW: Tensor, where: str, device: torch.device) -> Tensor:
    """`images_NCHW` on `device`, or in the computer's memory to be sent there batch by batch.

    `where`: device, host, or auto, which takes the device if the images fit into
    half of its free memory. TrainingError if `device` is asked for and they do not fit.
    """
    if device.type == "cpu":
        return images_NCHW
    needed, free = images_NCHW.nbytes, free_bytes(device)
    if where == "device" and needed > free:
        raise TrainingError(
            f"train.data_on is device, but the images take {needed / 2**30:.1f} GiB and {device} has "
            f"{free / 2**30:.1f} GiB free; set data_on: auto or host"
        )
    if where == "host" or (where == "auto" and needed > DATA_SHARE * free):
        return images_NCHW
    return images_NCHW.to(device)


def free_bytes(device: torch.device) -> int:
    """Free memory of a CUDA or MPS device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    # Apple's GPUs share the computer's memory
    return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()


def compiled(function: F) -> F:
    """`function` through torch.compile.

    One kernel is compiled for each shape. With dynamic shapes the kernel of a step would depend on what ran
    before it, and the bytes of a resumed run on when it was interrupted.
    """
    streams.stay_outside_of_compiled_code()
    return cast(F, torch.compile(function, dynamic=False))


def check_compiler(device: torch.device) -> None:
    """TrainingError if torch.compile fails on a small function on `device`."""
    from torch._dynamo.exc import BackendCompilerFailed

    try:
        compiled(lambda x: x.sin() + 1)(torch.zeros(3, device=device))
    except BackendCompilerFailed as error:
        raise TrainingError(
            f"train.compile is true, but torch.compile does not work on this {device.type}: "
            f"{str(error).strip().splitlines()[0]}. On the CPU it needs a C++ compiler and Python's "
            "headers (Debian: apt-get install g++ python3-dev), on CUDA also Triton. Install them, or set "
            "compile: false"
        ) from None
