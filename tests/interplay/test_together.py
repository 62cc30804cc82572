"""Several commands at once, failures, interrupts and kills: nothing lost, nothing left to clean up."""

import errno
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML
from snakemake.exceptions import WorkflowError

from pipeline.engine import locks, processes, workflow
from tests.conftest import ROOT
from tests.interplay.tinyproject import Tiny, kill, new_tiny, wait_until

NOTHING = "Nothing to be done"
UP_TO_DATE = "Data and pipelines are up to date."
SNAKEMAKE = ("snakemake", "--cores", "2")
REPRO = ("dvc", "repro")


@pytest.fixture
def tiny(tmp_path: Path) -> Tiny:
    return new_tiny(tmp_path / "a tiny project")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    tiny = new_tiny(tmp_path_factory.mktemp("built") / "a tiny project")
    tiny.run(*SNAKEMAKE)
    tiny.commit("results")
    return tiny


@pytest.fixture
def done(built: Tiny, tmp_path: Path) -> Tiny:
    """Everything has run and is committed."""
    return built.copy_to(tmp_path / "a copy")


def assert_complete(tiny: Tiny) -> None:
    assert tiny.found() == tiny.expected()
    assert UP_TO_DATE in tiny.run("dvc", "status")
    assert NOTHING in tiny.run("snakemake", "-n")
    assert UP_TO_DATE in tiny.run(*REPRO)


def has_begun(tiny: Tiny, stage: str) -> bool:
    return tiny.executions.exists() and stage in tiny.executions.read_text().split()


def test_two_snakemakes_at_once_the_second_waits_and_finds_nothing_left(tiny: Tiny):
    first = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="5")
    wait_until(lambda: has_begun(tiny, "make@x"))
    second = tiny.run(*SNAKEMAKE)
    assert f"Waiting for snakemake (process {first.pid}" in second
    assert NOTHING in second
    assert first.wait(60) == 0
    assert sorted(tiny.executed()) == ["grow@x", "grow@y", "make@x", "make@y", "total"]
    assert_complete(tiny)


def test_a_dry_run_beside_a_run_says_who_is_at_work(tiny: Tiny):
    first = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="2")
    wait_until(lambda: has_begun(tiny, "make@x"))
    refused = tiny.run("snakemake", "-n", fails=True)
    assert f"snakemake (process {first.pid}" in refused
    assert "Traceback" not in refused
    assert ".snakemake/locks" not in refused
    assert first.wait(120) == 0
    assert_complete(tiny)


def test_dvc_status_push_and_repro_beside_snakemake(tiny: Tiny, tmp_path: Path):
    """They succeed or say what is in the way; the jobs wait for them and nothing is lost."""
    tiny.run("dvc", "remote", "add", "--default", "team", str(tmp_path / "remote"))
    names = [f"run{number}" for number in range(6)]
    for name in names:
        tiny.set(name, source="a", base=1, factor=1)
    snakemake = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="0.3")
    commands = (("dvc", "status"), ("dvc", "push"), REPRO)
    while snakemake.poll() is None:
        for command in commands:
            done = subprocess.run(
                command, cwd=tiny.path, env=tiny.environment(), capture_output=True, text=True
            )
            if done.returncode:
                assert any(
                    words in done.stdout + done.stderr
                    for words in ("is busy", "acquire lock", "does not exist", "No such file")
                ), done.stderr
    tiny.run(*SNAKEMAKE)
    assert_complete(tiny)
    entries = (tiny.path / "dvc.lock").read_text()
    assert all(f"grow@{name}:" in entries for name in [*names, "x", "y"])


def test_snakemake_beside_a_long_dvc_repro_says_who_is_busy(tiny: Tiny):
    repro = tiny.start(*REPRO, SECONDS_PER_STAGE="60")
    wait_until(lambda: has_begun(tiny, "make@x"))
    refused = tiny.run(*SNAKEMAKE, fails=True)
    assert f"(PID {repro.pid})" in refused
    assert "another DVC command is at work" in refused
    assert "manually" not in refused
    kill(repro)
    tiny.run(*SNAKEMAKE)
    assert_complete(tiny)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("engine", [SNAKEMAKE, REPRO], ids=["snakemake", "dvc"])
def test_a_killed_engine_takes_its_stages_along_and_the_next_call_just_works(
    tiny: Tiny, engine: tuple[str, ...], number: signal.Signals
):
    if engine == REPRO and number == signal.SIGINT:
        number = signal.SIGTERM  # DVC ignores an interrupt that did not reach its command, too
    process = tiny.start(*engine, SECONDS_PER_STAGE="300")
    wait_until(lambda: has_begun(tiny, "make@x"))
    kill(process, number)
    wait_until(lambda: not tiny.at_work())
    tiny.run(*(REPRO if engine == SNAKEMAKE else SNAKEMAKE))
    assert_complete(tiny)


@pytest.mark.parametrize("engine", [SNAKEMAKE, REPRO], ids=["snakemake", "dvc"])
def test_a_parameter_changed_while_its_stage_runs_is_never_recorded_with_the_old_result(
    done: Tiny, engine: tuple[str, ...]
):
    """DVC takes the checksums when the command has ended: it would believe the new value."""
    done.set("x", base=1)
    done.executed()
    process = done.start(*engine, SECONDS_PER_STAGE="2")
    wait_until(lambda: has_begun(done, "make@x"))
    done.set("x", base=2)
    assert process.wait(120) != 0
    assert "params.yaml:runs.x.base changed while make@x ran" in done.said()
    done.run(*engine)
    assert_complete(done)


def test_a_parameter_of_another_stage_may_change_while_one_runs(done: Tiny):
    done.set("x", base=1)
    process = done.start(*SNAKEMAKE, SECONDS_PER_STAGE="2")
    wait_until(lambda: has_begun(done, "make@x"))
    done.set("y", base=3)
    process.wait(120)
    assert "changed while make@x ran" not in done.said()
    done.executed()
    done.run(*SNAKEMAKE)
    assert "make@x" not in done.executed()
    assert_complete(done)


def test_a_job_that_starts_while_its_snakemake_is_killed_ends_at_once(done: Tiny):
    """Its chain of parents says no longer who started it."""
    gone = subprocess.Popen(["true"])
    born = psutil.Process(gone.pid).create_time()
    gone.wait()
    done.set("x", base=3)
    done.executed()
    starter = f"{socket.gethostname()} {gone.pid} {born}"
    job = done.start("python", "-m", "pipeline.engine.job", "make@x", PIPELINE_STARTER=starter)
    assert job.wait(60) != 0
    done.await_quiet()
    done.executed()
    done.run(*SNAKEMAKE)
    assert_complete(done)


def test_a_run_with_a_stage_that_fails_completes_and_records_the_others(done: Tiny):
    done.set("x", factor=-1)
    done.set("y", factor=5)
    message = done.run(*SNAKEMAKE, fails=True)
    assert "grow x failed: factor -1 of x is negative\n  its log: logs/grow_x.log\n" in message
    assert "grow x failed, 1 not run because of that, 1 done in " in message
    assert "Next: mend the cause, then: snakemake --cores all" in message
    assert "factor -1 of x is negative" in (done.path / "logs/grow_x.log").read_text()
    assert (done.path / "results/scores/y.txt").read_text().endswith("by 5\n")
    done.executed()
    done.set("x", factor=5)
    done.run(*SNAKEMAKE)
    assert done.executed() == ["grow@x", "total"]
    assert_complete(done)


def test_a_missing_dataset_is_named_and_nothing_runs_again_when_it_is_back(done: Tiny):
    data = done.path / "data/b.txt"
    content = data.read_text()
    data.unlink()
    done.set("x", factor=5)
    for engine in (SNAKEMAKE, REPRO):
        said = done.run(*engine, fails=True)
        assert "data/b.txt" in said
        assert ("make y failed: " if engine == SNAKEMAKE else "make@y") in said
        assert "Traceback" not in said
    assert (done.path / "results/scores/x.txt").read_text().endswith("by 5\n")
    data.write_text(content)
    done.executed()
    done.run(*SNAKEMAKE)
    assert done.executed() == ["total"]
    assert_complete(done)


@pytest.mark.parametrize(
    "left",
    [
        "",
        '{"write": {"',
        '{"write": {"%(file)s": {"pid": %(pid)d, "cmd": "dvc repro"}}}',
        '{"read": {"%(file)s": [{"pid": %(pid)d, "cmd": "dvc repro"}]}}',
    ],
    ids=["empty", "cut off", "number reused: writer", "number reused: reader"],
)
def test_what_a_kill_leaves_in_dvcs_list_of_busy_files_is_no_obstacle(done: Tiny, left: str):
    """The process number of the killed one may belong to another one today: here, this test's."""
    listed = done.path / ".dvc/tmp/rwlock"
    values = {"file": str(done.path / "results/x/made.txt"), "pid": os.getpid()}
    listed.write_text(left % values if "%" in left else left)
    os.utime(listed, (0, 0))  # older than the process that has the number now
    done.set("x", base=7)
    done.run(*SNAKEMAKE)
    assert_complete(done)


def test_living_holders_stay_in_dvcs_list_of_busy_files(done: Tiny):
    listed = done.path / ".dvc/tmp/rwlock"
    holder = {"pid": os.getpid(), "cmd": "dvc repro"}
    entries = {"write": {str(done.path / "results/x/made.txt"): holder}, "read": {}}
    listed.write_text(json.dumps(entries))
    assert f"(PID {os.getpid()})" in done.run("snakemake", "-n", fails=True)
    assert json.loads(listed.read_text()) == entries


@pytest.mark.parametrize(
    "last",
    [None, "\n  make@x:", "\n    cmd: python", "\n    outs:", "\n  make@y:"],
    ids=["empty", "after a name", "in a command", "without outputs", "most of it"],
)
def test_a_cut_off_lock_file_is_restored(done: Tiny, last: str | None):
    path = done.path / "dvc.lock"
    before = path.read_text()
    path.write_text(before.partition(last)[0] + last if last else "")
    done.run(*SNAKEMAKE)
    assert done.executed() in ([], ["total"])
    assert_complete(done)
    # in any order: a file that was cut between two entries is a whole one, and jobs run side by side
    assert YAML().load(path) == YAML().load(before)


def test_dvc_says_what_the_documentation_lists_and_make_mend_helps(done: Tiny):
    """The words to look for after a kill -9 of plain `dvc`, which does not mend its own files."""
    listed = (ROOT / "docs/team.md").read_text()
    whole = (done.path / "dvc.lock").read_text()
    for name, cut_off, words in (
        (".dvc/tmp/rwlock", "", "Unable to read RWLock-file '.dvc/tmp/rwlock'"),
        ("dvc.lock", whole[: whole.index("hash:") + 3], "'./dvc.lock' is invalid."),
        ("dvc.lock", "", "'./dvc.lock' validation failed."),
    ):
        (done.path / name).write_text(cut_off)
        assert words in done.run("dvc", "status", fails=True)
        assert words in listed
        done.run("python", "-m", "pipeline", "mend")  # `make mend`
        assert UP_TO_DATE in done.run("dvc", "status")
    assert (done.path / "dvc.lock").read_text() == whole


def test_a_lock_file_with_merge_markers_is_not_touched(done: Tiny):
    path = done.path / "dvc.lock"
    marked = "<<<<<<< HEAD\nschema: '2.0'\n=======\nschema: '2.0'\n>>>>>>> other\n"
    path.write_text(marked)
    message = done.run(*SNAKEMAKE, fails=True)
    assert "dvc.lock has merge markers" in message
    assert "git checkout --ours dvc.lock" in message
    assert "Traceback" not in message
    assert path.read_text() == marked


def test_leftovers_of_a_killed_snakemake_do_not_run_what_dvc_has_completed(tiny: Tiny):
    process = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="300")
    wait_until(lambda: has_begun(tiny, "make@x") and has_begun(tiny, "make@y"))
    kill(process)
    wait_until(lambda: not tiny.at_work())
    tiny.run(*REPRO)
    tiny.executed()
    assert NOTHING in tiny.run(*SNAKEMAKE)
    assert tiny.executed() == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
def test_a_folder_that_cannot_be_written_is_said_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, number: int
):
    """Simulated: the tests may run as root, whom no permission stops."""

    def refuse(path: Path) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(locks, "open_lock", refuse)
    monkeypatch.setattr(processes, "announce", lambda: None)  # not for the tests to come
    with pytest.raises(WorkflowError, match=r"snakemake.lock\). .*get write access or make room"):
        workflow.load({}, judge=True)
