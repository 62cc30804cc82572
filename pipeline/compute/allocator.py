"""What the C library does with memory that a training step has freed."""

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # mallopt(3)
KEPT_BYTES = 2**30  # at the end of the heap, at most
LARGEST_BYTES = 2**25  # of a block on the heap; glibc allows no more


def keep_freed_memory() -> None:
    """Keep what a step frees for the next one, where the C library is glibc.

    It would give large blocks back to the system, and each of their pages then costs a page fault: in a DCGAN's step
    3,500 of them, 6 ms of 75.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)
