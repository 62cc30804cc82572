"""Slurm: what it offers (asked before submitting), why jobs failed, and jobs of a killed Snakemake.

Snakemake's executor plugin submits, watches and cancels jobs; see profiles/slurm/.
"""

import atexit
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine.locks import TEMPORARY, BusyError
from pipeline.errors import PipelineError

LOGS = Path(
    "logs/slurm"
)  # slurm-logdir of the profile; the plugin deletes those of jobs that succeed
SUBMITTED = TEMPORARY / "submitted-to-slurm"  # stands while a Snakemake has jobs in a queue
CLIENTS = ("sbatch", "squeue", "sinfo", "scancel")
POLL_SECONDS = 2.0
TELLING = re.compile(r"^(?:slurmstepd\S*: |srun: )?error: (.+)")  # of a stage or the batch system
PROFILE = "profiles/slurm/config.yaml"


class ClusterError(PipelineError):
    """The cluster is not there or cannot run what would be submitted."""


@dataclass(frozen=True)
class Partition:
    """The largest values that one of its nodes offers; None for no limit."""

    name: str
    default: bool
    minutes: int | None
    cpus: int
    mem_mb: int
    gpu: bool


@dataclass(frozen=True)
class Request:
    stage: str
    threads: int
    gpu: int
    resources: dict  # slurm_partition, runtime (minutes), mem_mb; any may be missing


def unlimited(requests: list[Request]) -> str | None:
    """A warning where stages ask for no time or memory, as with --default-resources on the command line.

    Those replace the profile's all together, and the cluster's own defaults then hold: often one core's
    memory and the partition's longest time.
    """
    lacking = {
        name: sorted(request.stage for request in requests if request.resources.get(name) is None)
        for name in ("runtime", "mem_mb")
    }
    said = [
        f"no {name} for {len(stages)} of {len(requests)} stages ({', '.join(stages[:3])}{', ...' if len(stages) > 3 else ''})"
        for name, stages in lacking.items()
        if stages
    ]
    if not said:
        return None
    return (
        f"warning: {'; '.join(said)}. --default-resources on the command line replaces all of those in {PROFILE}: "
        "repeat them there (runtime=60 mem_mb=4000), or write yours into the profile"
    )


def partitions() -> dict[str, Partition]:
    """Of the cluster that this machine belongs to."""
    missing = [name for name in CLIENTS if not shutil.which(name)]
    if missing:
        raise ClusterError(
            f"{', '.join(missing)} not found: this machine is no login node of a Slurm cluster (or its "
            "programs are not on PATH). Log in to one and run the same command there, or run here: "
            "snakemake --cores all"
        )
    found: dict[str, Partition] = {}
    for line in ask("sinfo", "--noheader", "--exact", "--format=%P|%l|%c|%m|%G").splitlines():
        name, limit, cpus, mem_mb, gres = line.strip().split("|")
        same = found.get(name.rstrip("*"))
        found[name.rstrip("*")] = Partition(
            name=name.rstrip("*"),
            default=name.endswith("*"),
            minutes=minutes(limit),
            cpus=max(int(cpus.rstrip("+")), same.cpus if same else 0),
            mem_mb=max(int(mem_mb.rstrip("+")), same.mem_mb if same else 0),
            gpu=gres.startswith("gpu") or ",gpu" in gres or bool(same and same.gpu),
        )
    return found


def ask(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterError(
            f"Slurm does not answer: {done.stderr.strip() or command[0]}\n"
            "Nothing was submitted. Is its controller up (scontrol ping)?"
        )
    return done.stdout


def minutes(limit: str) -> int | None:
    """Of Slurm's [days-]hours:minutes:seconds, rounded down; None for `infinite`."""
    if limit == "infinite":
        return None
    days, _, rest = limit.rpartition("-")
    parts = [int(part) for part in rest.split(":")]
    hours, mins, _ = [0] * (3 - len(parts)) + parts
    return int(days or 0) * 1440 + hours * 60 + mins


def check_environment(python: str = sys.executable) -> None:
    """ClusterError if jobs could not be started with this interpreter."""
    if any(character.isspace() for character in python):
        raise ClusterError(
            f"the path of this project's Python holds a space: {python}\n"
            "Snakemake's Slurm plugin does not quote it, so no job would start; nothing was submitted. "
            "Clone the project into a folder without spaces and set it up there."
        )


def check(requests: Iterable[Request], known: dict[str, Partition]) -> None:
    """ClusterError if a request can never be met: Slurm would keep such a job pending for ever."""
    wrong: dict[str, list[str]] = {}
    for request in requests:
        for reason in refusals(request, known):
            wrong.setdefault(reason, []).append(request.stage)
    if wrong:
        lines = [f"{reason}: {some(sorted(stages))}" for reason, stages in wrong.items()]
        raise ClusterError(
            "this cluster cannot run what would be submitted; nothing was.\n  "
            + "\n  ".join(lines)
            + f"\nResources come from a stage's meta in dvc.yaml, else from {PROFILE}."
        )


def refusals(request: Request, known: dict[str, Partition]) -> list[str]:
    name = request.resources.get("slurm_partition")
    partition = (
        known.get(str(name)) if name else next((p for p in known.values() if p.default), None)
    )
    if partition is None and name:
        return [f"partition {name} does not exist (there are: {', '.join(sorted(known))})"]
    if partition is None:
        return [
            f"no partition is named and the cluster has no default one (there are: "
            f"{', '.join(sorted(known))}); set slurm_partition"
        ]
    if request.gpu and not partition.gpu:
        having = ", ".join(sorted(p.name for p in known.values() if p.gpu)) or "none"
        return [
            f"a GPU is asked for, but partition {partition.name} has none (with GPUs: {having}); "
            "set slurm_partition, or device: cpu in train"
        ]
    asked = (
        ("runtime", request.resources.get("runtime"), partition.minutes, "minutes"),
        ("mem_mb", request.resources.get("mem_mb"), partition.mem_mb, "MB"),
        ("threads", request.threads, partition.cpus, "CPUs"),
    )
    return [
        f"{key} is {value:,}, but partition {partition.name} offers {most:,} {unit}"
        for key, value, most, unit in asked
        if isinstance(value, int) and most is not None and value > most
    ]


def some(stages: list[str]) -> str:
    shown = ", ".join(stages[:3])
    return shown if len(stages) <= 3 else f"{shown} and {len(stages) - 3} more"


def mark_submitted() -> None:
    """Leave a mark until this process ends in order, that is, has seen or cancelled all of its jobs."""
    SUBMITTED.touch()
    atexit.register(SUBMITTED.unlink, missing_ok=True)


def explain_failures(since: float) -> None:
    """Print each cause once, with its jobs, from Slurm's logs written `since` (seconds since 1970).

    A job that Slurm has killed, or could not start, has written nothing into the log of its stage.
    """
    causes: dict[str, list[Path]] = {}
    for log in sorted(LOGS.rglob("*.log")):
        if log.stat().st_mtime >= since:
            causes.setdefault(cause(log.read_text(errors="replace")), []).append(log)
    for words, logs in causes.items():
        jobs = f"{len(logs)} jobs, first" if len(logs) > 1 else "job"
        print(
            f"{jobs} {logs[0].parent.name.removeprefix('rule_')}: {words}\n  log: {logs[0]}",
            file=sys.stderr,
        )


def cause(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    telling = [match[1] for line in lines if (match := TELLING.search(line))]
    return "; ".join(dict.fromkeys(telling)) or (lines[-1] if lines else "its log is empty")


def await_leftovers(wait: bool) -> None:
    """Deal with jobs in the queue of a Snakemake that was killed: two of one stage would collide.

    Pending ones are cancelled, because this Snakemake submits them again. Running ones are waited
    for, and their results are kept. BusyError if there are any and not `wait`.
    """
    if not SUBMITTED.exists():
        return
    if not shutil.which("squeue"):
        print(
            "A killed Snakemake may have left jobs on a Slurm cluster that this machine does not "
            "reach; if any are still at work in this folder, cancel them there (scancel).",
            file=sys.stderr,
        )
        return
    said = False
    while jobs := leftovers():
        ids = [number for number, _ in jobs]
        if not wait:
            raise BusyError(f"jobs of a Snakemake that was killed are in the queue: {some(ids)}")
        pending = [number for number, state in jobs if state == "PENDING"]
        if pending:
            subprocess.run(["scancel", *pending], check=False)
        if not said:
            print(
                f"Waiting for jobs of a Snakemake that was killed: {some(ids)}. What they do is kept. "
                f"To stop them instead: scancel {' '.join(ids)}",
                file=sys.stderr,
            )
            said = True
        time.sleep(POLL_SECONDS)
    SUBMITTED.unlink(missing_ok=True)


def leftovers() -> list[tuple[str, str]]:
    """Number and state of this user's jobs whose folder this is."""
    listed = ask("squeue", "--me", "--noheader", "--format=%i|%T|%Z").splitlines()
    jobs = [line.strip().split("|", 2) for line in listed]
    return [(number, state) for number, state, place in jobs if same_folder(place)]


def same_folder(place: str) -> bool:
    return os.path.realpath(place) == os.path.realpath(Path.cwd())
