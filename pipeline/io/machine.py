"""The processor as the system describes it, read without torch."""

import platform
from functools import cache
from pathlib import Path


@cache
def described(key: str) -> str:
    """What Linux says of the first processor under `key`, such as "model name"; empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return ""
    found = (line.partition(":") for line in lines)
    return next((value.strip() for name, _, value in found if name.strip() == key), "")


def processor() -> str:
    """Name of the CPU."""
    return described("model name") or platform.processor() or platform.machine()


def maker() -> str:
    """As the CPU names it on Linux (GenuineIntel, AuthenticAMD), else its architecture."""
    return described("vendor_id") or platform.machine()


def flags() -> frozenset[str]:
    """What the CPU can do, in Linux's words (avx2, avx512_bf16, ...); empty where the system does not tell."""
    return frozenset(described("flags").split())
