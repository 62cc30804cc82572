"""What the screen makes of Snakemake's events; under a real Snakemake: tests/interplay/test_screen.py."""

import io
import logging
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from pipeline.engine.screen import FAILED, NEXT, Screen

STAGES = {f"train_{name}": (f"train@{name}", "first run") for name in "abcdefghij"}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With the logs of the stages."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "logs").mkdir()
    return tmp_path


def shown(*events: dict | str, dry: bool = False, colours: bool = False) -> list[str]:
    """Lines that the screen writes of the events; a word alone is Snakemake's plain information."""
    screen = Screen(io.StringIO(), colours=colours, dry=dry)
    screen.expect(STAGES)
    for event in events:
        facts = {"msg": event} if isinstance(event, str) else event
        screen.handle(logging.makeLogRecord({"levelno": logging.INFO, **facts}))
    return screen.stream.getvalue().splitlines()


def total(count: int) -> dict:
    return {"event": LogEvent.RUN_INFO, "stats": {"total": count + 1, "all": 1}}


def start(name: str, number: int = 1) -> dict:
    return {"event": LogEvent.JOB_INFO, "rule_name": f"train_{name}", "jobid": number}


def fail(name: str, number: int = 1, **aux: str) -> dict:
    return {
        "event": LogEvent.JOB_ERROR,
        "rule_name": f"train_{name}",
        "jobid": number,
        "aux": aux,
    }


def finish(number: int = 1) -> dict:
    return {"event": LogEvent.JOB_FINISHED, "job_id": number}


def error(words: str, kind: str = "WorkflowError") -> dict:
    return {"event": LogEvent.ERROR, "exception": kind, "msg": words, "levelno": logging.ERROR}


def test_warnings_of_a_stage_stand_below_its_line(folder: Path):
    (folder / "logs/train_a.log").write_text("step 1\ntrain a: warning: few images\ndone\n")
    assert shown(start("a"), finish()) == ["train a: first run", "  train a: warning: few images"]


def test_a_failure_has_its_cause_and_the_end_says_what_is_left(folder: Path):
    (folder / "logs/train_a.log").write_text("error: no such thing:\n  this\n")
    assert shown(
        total(3), start("a"), start("b", 2), fail("a"), finish(2),
        "Exiting because a job execution failed. Look above for error messages",
        f"Complete log(s): {folder}/.snakemake/log/x.log",
        "Elapsed time: 0:00:01", error(f"WorkflowError:\n{FAILED}"),
    ) == [
        "3 of 10 stages to run:",
        "train a: first run",
        "train b: first run",
        "train a failed: no such thing:",
        "    this",
        "  its log: logs/train_a.log",
        "train a failed, 1 not run because of that, 1 done in 0:00; log: .snakemake/log/x.log",
        NEXT,
    ]  # fmt: skip


def test_a_failure_on_a_cluster_is_named_and_its_cause_comes_with_all_causes():
    assert shown(start("a"), fail("a", external_jobid="17"))[1:] == ["train a failed (job 17)"]


def test_a_plan_keeps_the_order_of_the_stages_and_counts_many():
    said = shown(
        total(10), *(start(name) for name in reversed("abcdefghij")), total(10),
        "This was a dry-run (flag -n). The order of jobs does not reflect the order of execution.",
        dry=True,
    )  # fmt: skip
    assert said == [
        "10 of 10 stages would run:",
        "  train a, b, c, d, e, f, g, h and 2 more: first run",
        "Nothing was run (-n).",
    ]


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            error('WorkflowError in file "/a b/Snakefile", line 12:\nx:\n  y\n  File "/a b/S", line 12, in <module>\n  File "/w.py", line 3, in load'),
            ["error: x:", "  y"],
        ),
        (error("KeyError in file S:\n'x'", "KeyError"), ["KeyError in file S:", "'x'"]),
        (error("RuleException:\nCalledProcessError ...", "RuleException"), []),
        ("Building DAG of jobs...", []),
        ("Job 3 has been submitted with SLURM jobid 17 (log: x).", []),
        ("Nothing to be done (all ...).", ["Nothing to be done (all ...)."]),
        ("What nobody here knows", ["What nobody here knows"]),
        ({"event": LogEvent.WORKFLOW_STARTED, "msg": "Workflow has started!"}, []),
        ({"event": LogEvent.RUN_INFO, "msg": "train a: first run"}, []),
    ],
)  # fmt: skip
def test_what_is_routine_is_left_to_the_log(event: dict | str, expected: list[str]):
    assert shown(event) == expected


def test_after_a_stop_jobs_that_end_are_no_failures():
    stop = "Terminating processes on user request, this might take some time."
    assert shown(
        total(2), start("a"), stop, fail("a"), error("RuleException:\n...", "RuleException"),
        "Elapsed time: 0:00:01", error(f"WorkflowError:\n{FAILED}"),
    )[2:] == [
        "Stopping: jobs in the queue are cancelled; the next call goes on.",
        "Stopped after 0:00: 0 of 2 stages are done",
    ]  # fmt: skip


def test_colours_only_where_they_are_wanted():
    warning = {"msg": "hm", "levelno": logging.WARNING}
    assert shown(warning, colours=True) == ["\033[33mhm\033[0m"]
    assert shown(warning) == ["hm"]
