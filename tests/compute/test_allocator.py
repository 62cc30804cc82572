import platform
import resource

import pytest
import torch

from pipeline.compute.allocator import keep_freed_memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc's mallopt")
def test_memory_that_a_step_frees_is_there_for_the_next():
    """Three blocks of 24 MiB are 18,432 pages, each a fault in every step if the system takes them back."""
    keep_freed_memory()
    faults = []
    for _ in range(10):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        blocks = [torch.ones(3 * 2**21) for _ in range(3)]
        del blocks
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    assert max(faults[-3:]) < 1_000  # the first make room
