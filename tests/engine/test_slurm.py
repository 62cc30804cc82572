"""What is asked of a cluster, held against what it offers."""

from dataclasses import replace

import pytest

from pipeline.engine import slurm
from pipeline.engine.slurm import ClusterError, Partition, Request

SHORT = Partition(name="short", default=True, minutes=60, cpus=8, mem_mb=16_000, gpu=False)
LONG = Partition(name="long", default=False, minutes=None, cpus=8, mem_mb=16_000, gpu=True)
KNOWN = {"short": SHORT, "long": LONG}


def request(**resources) -> Request:
    return Request(stage="train_mnist", threads=2, gpu=0, resources=resources)


def test_what_a_partition_offers_is_not_refused():
    slurm.check([request(runtime=60, mem_mb=16_000), request(slurm_partition="long")], KNOWN)
    slurm.check([request(slurm_partition="long", runtime=100_000)], KNOWN)


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"runtime": 61}, r"runtime is 61, but partition short offers 60 minutes: train_mnist"),
        ({"mem_mb": 16_001}, r"mem_mb is 16,001, but partition short offers 16,000 MB"),
        ({"slurm_partition": "gpus"}, r"partition gpus does not exist \(there are: long, short\)"),
    ],
)
def test_what_it_does_not_offer_is_named_with_the_stage(resources: dict, words: str):
    with pytest.raises(ClusterError, match=words):
        slurm.check([request(**resources)], KNOWN)


def test_without_a_default_partition_one_must_be_named():
    with pytest.raises(ClusterError, match="set slurm_partition"):
        slurm.check([request()], {"long": LONG})


def test_a_gpu_is_not_asked_of_a_partition_without():
    asking = replace(request(), gpu=1)
    with pytest.raises(ClusterError, match=r"partition short has none \(with GPUs: long\)"):
        slurm.check([asking], KNOWN)
    slurm.check([replace(asking, resources={"slurm_partition": "long"})], KNOWN)


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [("infinite", None), ("1-02:03:04", 1563), ("30:00", 30), ("5:00:00", 300)],
)
def test_limits_of_slurm_are_minutes(limit: str, minutes: int | None):
    assert slurm.minutes(limit) == minutes


def test_an_environment_whose_path_holds_a_space_is_refused():
    slurm.check_environment("/home/me/project/.venv/bin/python")
    with pytest.raises(ClusterError, match="holds a space: /home/me/my project/"):
        slurm.check_environment("/home/me/my project/.venv/bin/python")


def test_stages_without_time_or_memory_are_named_before_anything_is_submitted():
    assert slurm.unlimited([request(runtime=60, mem_mb=4000)]) is None
    warning = slurm.unlimited([request(runtime=60, mem_mb=4000), request(slurm_partition="gpu")])
    assert warning is not None
    assert "no runtime for 1 of 2 stages (train_mnist); no mem_mb for 1 of 2" in warning
    assert "repeat them" in warning
