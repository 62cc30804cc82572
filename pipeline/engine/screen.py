"""What `snakemake` shows: a plan, one line per job with its reason, a bar, why a job failed.

Snakemake's own words go to .snakemake/log, those of a stage to logs/. With any of --quiet, --verbose,
--printshellcmds, --debug-dag and --show-failed-logs, Snakemake's words and the stages' appear here instead.
"""

import logging
import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

from pipeline.engine import job_log
from pipeline.engine.bar import Bar, clock
from pipeline.engine.job import in_words, log_file, progress_file
from pipeline.paths import CONTINUED

DEFAULT = "DefaultStreamHandler"  # Snakemake's name for what we replace
RED, YELLOW = "\033[31m{}\033[0m", "\033[33m{}\033[0m"
NAMES = 8  # of stages that a plan gives on one line
ALL = "all"  # the Snakefile's rule that asks for everything
NEXT = "Next: mend the cause, then: snakemake --cores all (what is done stays done)"
# Of Snakemake and its plugin for Slurm: routine, or said by us.
ROUTINE = re.compile(
    r"Building DAG|Assuming unrestricted|Using shell|Select jobs|Shutting down|Will exit after|Reasons:"
    r"|Exiting because a job|Removing output files of failed|.*provenance|Cleaning up SLURM|SLURM run ID"
    r"|Job \d+ has been submitted"
)
FAILED = "At least one job did not complete successfully."
# The frame that Snakemake puts around an error which is raised in the Snakefile.
FRAME = re.compile(r'\A\w*Error(?: in .*)?:\n|(?:\n  File ".*", line \d+, in .*)+\Z')


def take_over(workflow) -> "Screen | None":
    """Show what the main process of Snakemake's `workflow` does, unless its user asked for another form."""
    asked = workflow.output_settings
    if not workflow.is_main_process or any(
        (asked.quiet, asked.verbose, asked.debug_dag, asked.printshellcmds, asked.show_failed_logs)
    ):
        return None
    for handler in logger.handlers:
        if handler.name == DEFAULT:
            screen = Screen(handler.stream, colours=not handler.nocolor, dry=asked.dryrun)
            logger.removeHandler(handler)
            logger.addHandler(screen)
            sys.excepthook = uncaught
            return screen
    return None  # a logger plugin writes to the terminal


def uncaught(kind, error, trace) -> None:
    """Ctrl-C before Snakemake has a scheduler, which takes it from then on, or after."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    print("Stopped.", file=sys.stderr, flush=True)
    os._exit(128 + signal.SIGINT)  # at once: interrupted bars of DVC's would complain of their end


class Screen(logging.Handler):
    """Shows Snakemake's events on `stream`; `dry`: gathers the jobs into a plan."""

    def __init__(self, stream=sys.stderr, colours: bool = False, dry: bool = False):
        super().__init__()
        self.stream = stream
        self.colours = colours
        self.dry = dry
        self.stages: dict[str, tuple[str, str | None]] = {}  # rule -> stage, why it is stale
        self.planned: list[str] = []
        self.running: dict[int, str] = {}  # number of the job -> rule
        self.total = self.done = 0
        self.failed: list[str] = []
        self.stopped = False
        self.log: str | None = None
        self.since = time.monotonic()
        self.bar = Bar(stream, self.lock) if stream.isatty() and not dry else None
        self.shows: dict[LogEvent | None, Callable[[Any], None]] = {
            LogEvent.RUN_INFO: self.count,
            LogEvent.JOB_INFO: self.start,
            LogEvent.JOB_FINISHED: self.finish,
            LogEvent.JOB_ERROR: self.fail,
            LogEvent.GROUP_INFO: self.other,
            LogEvent.GROUP_ERROR: self.other,
            LogEvent.ERROR: self.error,
            None: self.other,
        }

    def expect(self, stages: dict[str, tuple[str, str | None]]) -> None:
        """For each rule its stage and why that is stale, if it is; in the order in which a plan lists them."""
        self.stages = stages

    def emit(self, record: Any) -> None:
        show = self.shows.get(getattr(record, "event", None))
        if show is None:
            return
        try:
            show(record)
        except Exception:  # as every handler does: what cannot be shown must not end a run
            self.handleError(record)

    def say(self, words: str, colour: str = "{}") -> None:
        if self.bar:
            self.bar.clear()
        self.stream.write((colour.format(words) if self.colours else words) + "\n")
        self.stream.flush()

    def stopping(self, words: str) -> None:
        """Say `words`; from here on jobs end because they were told to, which is no failure."""
        self.acquire()
        try:
            self.stopped = True
            self.say(words)
        finally:
            self.release()

    def count(self, record: Any) -> None:
        stats = getattr(record, "stats", None)
        if stats is None or self.total:  # a plan gives them twice
            return
        self.total = stats["total"] - stats.get(ALL, 0)
        self.say(
            f"{self.total} of {len(self.stages)} stages {'would run' if self.dry else 'to run'}:"
        )

    def start(self, record: Any) -> None:
        rule = record.rule_name
        if rule == ALL:
            return
        if self.dry:
            self.planned.append(rule)
            return
        stage, why = self.stages[rule]
        self.running[record.jobid] = rule
        self.say(f"{in_words(stage)}: {why or 'asked for'}")
        if self.bar:
            self.bar.start(in_words(stage), Path(progress_file(stage)))
            self.bar.count(self.done, self.total)

    def finish(self, record: Any) -> None:
        rule = self.running.pop(record.job_id, None)
        if rule is None:
            return
        self.done += 1
        self.end(rule)
        for line in job_log.warnings(job_log.read(Path(log_file(self.stages[rule][0])))):
            self.say(f"  {line}", YELLOW)

    def fail(self, record: Any) -> None:
        rule = self.running.pop(record.jobid, record.rule_name)
        self.end(rule)
        if self.stopped:
            return
        stage = self.stages[rule][0]
        self.failed.append(in_words(stage))
        if (
            "external_jobid" in record.aux
        ):  # its own log may not be there yet, Slurm's tells the rest
            self.say(f"{in_words(stage)} failed (job {record.aux['external_jobid']})", RED)
            return
        cause = job_log.cause(job_log.read(Path(log_file(stage)))).replace("\n", "\n  ")
        self.say(f"{in_words(stage)} failed: {cause}", RED)
        self.say(f"  its log: {log_file(stage)}")

    def end(self, rule: str) -> None:
        if self.bar:
            self.bar.end(in_words(self.stages[rule][0]))
            self.bar.count(self.done, self.total)

    def error(self, record: Any) -> None:
        """Of a run that failed or was stopped, `fail` and `conclude` have said all."""
        words = FRAME.sub("", record.getMessage())
        if words == FAILED or record.exception == "RuleException" or self.stopped:
            return
        ours = record.exception == "WorkflowError"
        self.say(f"error: {words}" if ours else record.getMessage(), RED)

    def other(self, record: Any) -> None:
        words = record.getMessage()
        if words.startswith("Complete log(s): "):
            self.log = os.path.relpath(words.partition(": ")[2])
        elif words.startswith("Elapsed time"):
            self.conclude()
        elif words.startswith("This was a dry-run"):
            self.plan()
        elif words.startswith("Terminating processes on user request"):
            self.stopping("Stopping: jobs in the queue are cancelled; the next call goes on.")
        elif not (self.stopped or ROUTINE.match(words)):
            self.say(words, YELLOW if record.levelno >= logging.WARNING else "{}")

    def plan(self) -> None:
        """In the order of dvc.yaml; stages that differ in their run only share a line."""
        lines: dict[tuple[str, str], list[str]] = {}
        order = {rule: number for number, rule in enumerate(self.stages)}
        for rule in sorted(self.planned, key=order.__getitem__):
            stage, why = self.stages[rule]
            name, _, key = stage.removeprefix(CONTINUED).partition("@")
            lines.setdefault((name, why or "asked for"), []).append(key)
        for (name, why), keys in lines.items():
            more = f" and {len(keys) - NAMES} more" if len(keys) > NAMES else ""
            self.say(f"  {name} {', '.join(keys[:NAMES])}".rstrip() + f"{more}: {why}")
        self.say("Nothing was run (-n).")

    def conclude(self) -> None:
        """The last words of a run."""
        took = clock(time.monotonic() - self.since)
        where = f"; log: {self.log}" if self.log else ""
        if self.stopped:
            self.say(f"Stopped after {took}: {self.done} of {self.total} stages are done{where}")
        elif self.failed:
            left = self.total - self.done - len(self.failed)
            self.say(
                f"{', '.join(self.failed)} failed, {left} not run because of that, "
                f"{self.done} done in {took}{where}"
            )
            self.say(NEXT)
        else:
            self.say(f"{self.done} stages done in {took}{where}")

    def close(self) -> None:
        if self.bar:
            self.bar.close()
        super().close()
