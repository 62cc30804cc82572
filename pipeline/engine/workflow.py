"""dvc.yaml as Snakemake rules, each with DVC's verdict on whether it is stale (README.md, "Verdicts")."""

import os
import signal
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import networkx
from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.lock import LockError
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage
from snakemake.exceptions import WorkflowError
from snakemake.io import ancient, report
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from pipeline.compute import gpus
from pipeline.config import params
from pipeline.engine import (
    locks,
    params_cache,
    placement,
    processes,
    reasons,
    repair,
    report_start,
    slurm,
)
from pipeline.engine.folder import without_stages
from pipeline.engine.job import in_words, log_file
from pipeline.engine.screen import Screen
from pipeline.errors import DISK_ERRORS, PipelineError, refused_write

VERDICTS = Path(".dvc/tmp/verdicts")
CAPTIONS = Path(".dvc/tmp/captions")
BUSY_SECONDS = 15  # time for jobs of a killed Snakemake to end; a training takes longer, so say so


@dataclass(frozen=True)
class Rule:
    """What a Snakemake rule needs to know of a stage of dvc.yaml."""

    stage: str  # DVC's name, such as train@mnist
    inputs: list[str]  # outputs of other stages that it reads
    outputs: list[str]
    threads: int = 1
    gpu: int = 0  # if there are any
    local: bool = False  # even with a cluster: it needs a network, or takes no time
    resources: dict[str, int | str] = field(default_factory=dict)  # by Snakemake's names
    captions: dict[str, str] = field(default_factory=dict)  # file name -> words for the report

    @property
    def name(self) -> str:
        return self.stage.replace("@", "_")

    @property
    def verdict(self) -> str:
        return str(VERDICTS / self.name)

    @property
    def log(self) -> str:
        return log_file(self.stage)

    @property
    def category(self) -> str:
        return self.stage.partition("@")[2] or "All runs"


class Workflow:
    """The rules of one Snakemake process; `judge` in the main one only."""

    def __init__(
        self,
        rules: list[Rule],
        stale: dict[str, str],
        lock: TextIO | None = None,
        screen: Screen | None = None,
    ):
        self.rules = rules
        self.stale = stale  # names of stages -> why
        self.lock = lock  # open for as long as this process lives
        self.screen = screen
        self.gpus: int | None = None  # at once; None for no limit
        self.submitting_since: float | None = None  # None while jobs run here

    def place(self, workflow) -> None:
        """Find out where the jobs of Snakemake's `workflow` run, and with how many GPUs."""
        self.gpus = placement.gpus_at_once(workflow, any(rule.gpu for rule in self.rules))

    def started(self, workflow) -> None:
        """Call it when Snakemake's `workflow` has a scheduler and is about to run its jobs."""
        if self.lock is None:
            return
        if workflow.local_exec:
            processes.stop_jobs_on_signals(self.screen.stopping if self.screen else None)
        else:  # Snakemake cancels them in the queue after a Ctrl-C only
            placement.check_cluster(workflow)
            slurm.mark_submitted()
            self.submitting_since = time.time()
            signal.signal(signal.SIGTERM, signal.default_int_handler)

    def failed(self) -> None:
        if self.submitting_since is None:
            return
        only_stopped = self.screen and self.screen.stopped and not self.screen.failed
        if not only_stopped:  # jobs that a user stops have no other cause
            slurm.explain_failures(self.submitting_since)

    @property
    def command(self) -> str:
        """Of a rule. What a stage says goes to its log; the terminal gets it, too, unless ours is there.

        On the node of a cluster it goes on to the log of the batch system.
        """
        where = "> {log} 2>&1" if self.screen else "2>&1 | tee {log}"
        return f"python -m pipeline.engine.job {{params.stage}} {where}"

    def resources(self, rule: Rule) -> dict[str, int | str]:
        return rule.resources | {"gpu": rule.gpu if self.gpus is None else min(rule.gpu, self.gpus)}

    def inputs(self, rule: Rule) -> list[str]:
        if rule.stage in self.stale:
            return [rule.verdict, *rule.inputs]
        return [rule.verdict, *map(ancient, rule.inputs)]

    def outputs(self, rule: Rule) -> list[str]:
        """With the pictures and tables that the report shows marked as such."""
        return [self._reported(rule, output) for output in rule.outputs]

    def _reported(self, rule: Rule, output: str) -> str:
        words = rule.captions.get(Path(output).name)
        if words is None:
            return output
        caption = CAPTIONS / rule.name / f"{Path(output).name}.rst"
        with told_by_snakemake():
            caption.parent.mkdir(parents=True, exist_ok=True)
            caption.write_text(words + "\n", encoding="utf-8")
        return report(
            output,
            caption=str(caption.resolve()),
            category=rule.category,
            labels={"picture": Path(output).stem},
        )

    def description(self) -> str:
        """The file with the words that the report starts with: the table of results."""
        path = CAPTIONS / "results.rst"
        if self.lock is not None:
            with told_by_snakemake():
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(report_start.table(), encoding="utf-8")
        return str(path.resolve())

    def everything(self) -> list[str]:
        return [output for rule in self.rules for output in rule.outputs]


def load(config: dict, judge: bool, wait: bool = True, screen: Screen | None = None) -> Workflow:
    """The rules of dvc.yaml under a valid params.yaml; `screen`: what then shows its jobs, if ours does.

    `judge`: ask DVC which stages are stale and write the verdicts. Only the main process does: a
    job on a cluster node would see its own deleted outputs and judge itself. It then keeps the
    folder's lock until it ends. `wait` for the lock if another one has it, or say so and give up.
    """
    if config:
        raise WorkflowError(
            f"--config {' '.join(config)}: parameters come from params.yaml only, so that DVC records "
            "what was run. Edit params.yaml (or try a value with: dvc exp run -S KEY=VALUE)."
        )
    processes.announce()
    params_cache.parse_params_once()
    with told_by_snakemake():
        if not judge:
            with Repo() as repo:
                return Workflow(list(read_rules(repo)), {})
        processes.announce_origin()
        lock = locks.take_snakemake_lock(wait)
        slurm.await_leftovers(wait)
        params.load()
        rules, stale = locks.when_free(read_and_judge, is_busy, seconds=BUSY_SECONDS)
        if not rules:
            raise without_stages()
        bring_to_the_past(rules)
        for rule in rules:
            write_verdict(rule, rule.stage in stale)
        forget_incomplete()
    for stage, why in stale.items():
        # for the log: a run's information without the numbers that Snakemake gives with it
        logger.info(f"{in_words(stage)}: {why}", extra={"event": LogEvent.RUN_INFO})
    if screen:
        screen.expect({rule.name: (rule.stage, stale.get(rule.stage)) for rule in rules})
    return Workflow(rules, stale, lock, screen)


@contextmanager
def told_by_snakemake() -> Iterator[None]:
    """WorkflowError, whose words Snakemake shows without a stack, for all that a user can cause or mend."""
    try:
        yield
    except LockError as error:
        raise WorkflowError(
            "another DVC command is at work in this folder; run again when it is done.\n"
            f"{locks.blockers(error)}"
        ) from None
    except (PipelineError, DvcException) as error:
        raise WorkflowError(str(error)) from None
    except DISK_ERRORS as error:
        if why := refused_write(error):
            words = (
                "Even a plan writes a little into .dvc/tmp: get write access or make room, mend that path, or "
                "work in a clone of your own (git clone, then make fetch)."
            )
        elif isinstance(error, OSError) and error.filename:
            why, words = f"{error.strerror} ({error.filename})", "Mend or remove that path."
        else:
            raise
        raise WorkflowError(f"{why}. {words}") from None


def read_and_judge() -> tuple[list[Rule], dict[str, str]]:
    writers = repair.mend_busy_files(everywhere=True)
    with Repo() as repo:
        with repo.lock:
            repair.mend_lock_file()
        check_nothing_is_written(repo, writers)
        return list(read_rules(repo)), stale_stages(repo)


def check_nothing_is_written(repo: Repo, writers: dict[str, str]) -> None:
    """LockError if a stage is at work. So says DVC, too, but under its lock and after it has looked at other stages: a
    `dvc repro` whose stage ends then waits three seconds for the lock, and gives up what the stage has made."""
    for out in (out.fs_path for stage in stages(repo) for out in stage.outs):
        if out in writers:
            raise LockError(f"{relative(out)} is busy, it is being blocked by:\n  {writers[out]}")


def is_busy(error: BaseException) -> bool:
    return isinstance(error, LockError)


def read_rules(repo: Repo) -> Iterator[Rule]:
    """One for each stage, as DVC resolves dvc.yaml over params.yaml."""
    graph = repo.index.graph
    for stage in stages(repo):
        read = [Path(dep.fs_path) for dep in stage.deps]
        made = [out for upstream in graph.successors(stage) for out in upstream.outs]
        meta = stage.meta or {}
        yield Rule(
            stage=stage.addressing,
            inputs=[
                relative(out.fs_path)
                for out in made
                if is_file(out) and any(is_within(out.fs_path, dep) for dep in read)
            ],
            outputs=[relative(out.fs_path) for out in stage.outs if is_file(out)],
            threads=meta.get("threads", 1),
            gpu=gpus_wanted(stage),
            local=meta.get("local", False),
            resources=meta.get("resources", {}),
            captions=meta.get("captions", {}),
        )


def is_file(out: Output) -> bool:
    """Folders have no suffix here. DVC knows what is in them; Snakemake would put a file of its own there."""
    return bool(Path(out.fs_path).suffix)


def stages(repo: Repo) -> list[PipelineStage]:
    return [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]


def stale_stages(repo: Repo) -> dict[str, str]:
    """Stages that DVC would run or restore, and all that come after them, each with the reason in words."""
    graph = repo.index.graph
    with repo.lock:
        changed = {stage: reasons.own(stage) for stage in stages(repo) if stage.changed()}
    # an edge of DVC's graph points from a stage to the one whose output it reads
    after = {later for stage in changed for later in networkx.ancestors(graph, stage)}
    stale = after | changed.keys()
    return {
        stage.addressing: changed[stage]
        if stage in changed
        else reasons.after(
            stage.addressing, [made.addressing for made in graph.successors(stage) if made in stale]
        )
        for stage in stages(repo)
        if stage in stale
    }


def write_verdict(rule: Rule, stale: bool) -> None:
    """Content that never repeats: Snakemake ignores a newer small file whose checksum it has seen."""
    path = Path(rule.verdict)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"stale {uuid.uuid4()}\n" if stale else "fresh\n", encoding="utf-8")
    if not stale:
        os.utime(path, (0, 0))


def bring_to_the_past(rules: list[Rule]) -> None:
    """Give outputs of the future, which a clock that was ahead has dated, the present time.

    Snakemake would take them for newer than any verdict, and refuse what is made of them as older than its input.
    """
    now = time.time()
    for path in (output for rule in rules for output in rule.outputs):
        for follow in (True, False):  # a link has a time of its own
            # not there; or another user's, who has to do it
            with suppress(FileNotFoundError, PermissionError):
                if os.stat(path, follow_symlinks=follow).st_mtime > now:
                    os.utime(path, (now - 1, now - 1), follow_symlinks=follow)


def forget_incomplete() -> None:
    """Delete the marks of a killed Snakemake that outputs may be incomplete: DVC knows their content.

    They would start stages again that `dvc repro` has completed meanwhile.
    """
    for mark in Path(".snakemake/incomplete").rglob("*"):
        if mark.is_file():
            mark.unlink()


def gpus_wanted(stage: PipelineStage) -> int:
    """Its meta has their number, or the end of the name of the param with the settings of a training."""
    meta = (stage.meta or {}).get("gpu", 0)
    if isinstance(meta, int):
        return meta
    for dep in stage.deps:
        if isinstance(dep, ParamsDependency):
            for name, value in dep.read_params().items():
                if name.endswith(f".{meta}"):
                    return gpus.wanted(value)
    raise PipelineError(
        f"dvc.yaml: gpu of {stage.addressing} is {meta}, which is none of its params"
    )


def is_within(path: str, folder: Path) -> bool:
    return Path(path).is_relative_to(folder)


def relative(path: str) -> str:
    return os.path.relpath(path)
