"""Where and how precisely tensors are multiplied."""

import contextlib

import torch

from pipeline.errors import TrainingError


def choose(name: str) -> torch.device:
    """The device `name`; `auto` takes CUDA, then MPS, then the CPU."""
    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, there in available.items() if there)
    if not available[name]:
        there = ", ".join(device for device, is_there in available.items() if is_there)
        raise TrainingError(
            f"train.device is {name}, but this machine offers only: {there}. "
            f"Set device: auto in params.yaml to take the best there is."
        )
    return torch.device(name)


def reproducible(threads: int) -> None:
    """The same sums in the same order every time: a fixed number of threads, deterministic kernels."""
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False


def precision(name: str, device: torch.device) -> str:
    """The precision `name`; `auto` takes bf16 where the device multiplies it in hardware."""
    if name == "auto":
        return "bf16" if multiplies_bf16(device) else "float32"
    return name


def multiplies_bf16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        return any(there for unit, there in torch.cpu.get_capabilities().items() if "bf16" in unit)
    return False


def autocast(device: torch.device, precision: str) -> contextlib.AbstractContextManager:
    """Matrix products in bfloat16 when asked for; weights, sums and losses stay float32."""
    if precision == "float32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
