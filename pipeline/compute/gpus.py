"""The GPUs of this machine, handed out: no two trainings get the same one unless that is asked for.

A lease is the kernel's lock (flock) on a file, so it ends with the process that uses the device,
however that ends. Snakemake, `dvc repro`, `dvc queue` and a stage by hand all use it, in any
clone of the project. On a cluster the batch system hands them out, and nothing here does.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.compute.variables import whole
from pipeline.errors import PipelineError

VISIBLE = "CUDA_VISIBLE_DEVICES"
SLOTS = "PIPELINE_GPU_SLOTS"  # trainings at once; above the number of devices they share some
BATCH_SYSTEMS = ("SLURM_JOB_ID", "KUBERNETES_SERVICE_HOST", "AWS_BATCH_JOB_ID")
RETRY_SECONDS = 0.5


class GpuError(PipelineError):
    """More GPUs are asked for than there are."""


def devices() -> list[str]:
    """Ids of the NVIDIA devices that this process may use, without importing torch."""
    if VISIBLE in os.environ:
        listed = [name.strip() for name in os.environ[VISIBLE].split(",")]
        return [name for name in listed if name and name != "-1"]
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=index", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, check=False)
        return done.stdout.split() if done.returncode == 0 else []  # the tool without its driver
    return sorted(path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*"))


def wanted(train: dict) -> int:
    """How many GPUs a training with these settings takes where there are any."""
    return 0 if train.get("device", "auto") in ("cpu", "mps") else train.get("devices", 1)


@contextmanager
def lease(count: int, who: str) -> Iterator[list[str]]:
    """Lock `count` devices and hide all others from CUDA inside the block; waits while they are taken.

    Yields their ids: none where there are no devices, or where a batch system has chosen them. GpuError if
    the machine has fewer. `who`: named in messages of others that wait.
    """
    chosen = any(name in os.environ for name in BATCH_SYSTEMS)
    available = devices() if count and not chosen else []
    if not available:
        yield []
        return
    if count > len(available):
        raise GpuError(
            f"{who} asks for {count} GPUs, but this machine offers {len(available)} "
            f"({', '.join(available)}). Lower train.devices, or set train.device: cpu."
        )
    with ExitStack() as held:
        taken = take(count, available, who, held)
        before = dict(os.environ)
        os.environ[VISIBLE] = ",".join(taken)
        os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # counted as nvidia-smi does
        try:
            yield taken
        finally:
            for name in (VISIBLE, "CUDA_DEVICE_ORDER"):
                os.environ.pop(name)
                os.environ |= {name: before[name]} if name in before else {}


def take(count: int, available: list[str], who: str, held: ExitStack) -> list[str]:
    """Ids of `count` devices, locked until `held` closes; waits until so many are free at once.

    Two trainings that each held half of what they need would deadlock.
    """
    shares = max(1, -(-(whole(SLOTS, 1) or 1) // len(available)))
    announced = False
    while True:
        taken: list[str] = []
        with ExitStack() as attempt:
            for name in available:
                if len(taken) < count and take_one(name, shares, who, attempt):
                    taken.append(name)
            if len(taken) == count:
                held.enter_context(attempt.pop_all())
                return taken
        if not announced:
            print(f"{who}: waiting for a GPU; taken by {holders(available)}", file=sys.stderr)
            announced = True
        time.sleep(RETRY_SECONDS)


def take_one(name: str, shares: int, who: str, held: ExitStack) -> bool:
    """Lock one of the `shares` of device `name` until `held` closes; False if none is free.

    Trainings that share a device hold a shared lock on it and an exclusive one on their share.
    """
    with ExitStack() as attempt:
        if not locked(lock_file(name), fcntl.LOCK_SH if shares > 1 else fcntl.LOCK_EX, "", attempt):
            return False
        for share in range(shares):
            if locked(lock_file(f"{name}.{share}"), fcntl.LOCK_EX, who, attempt):
                held.enter_context(attempt.pop_all())
                return True
    return False


def locked(path: Path, kind: int, who: str, held: ExitStack) -> bool:
    """Try to lock `path` without waiting; True if this process holds the lock until `held` closes.

    `who`, unless empty, is written into the file for others to read.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return False
    held.callback(os.close, descriptor)
    if who:
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})".encode(), 0)
    return True


def lock_file(name: str) -> Path:
    """The lock file of `name`, in one folder for all projects of a user: they share the machine."""
    place = Path(tempfile.gettempdir()) / f"pipeline-gpus-{os.getuid()}"
    place.mkdir(mode=0o700, exist_ok=True)
    return place / name.replace("/", "-")


def holders(available: list[str]) -> str:
    """Who has locked the devices, as words for a message."""
    found = []
    for name in available:
        for path in lock_file(name).parent.glob(f"{name}.*"):
            with ExitStack() as probe:
                if not locked(path, fcntl.LOCK_EX, "", probe):
                    found.append(f"{path.read_text()} on {name}")
    return ", ".join(found) or "others"
