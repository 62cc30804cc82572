"""Disks that take no more, a job that a batch system ends, clocks that are wrong: a few words, and the next call works.

A limit on the size of files, which the kernel enforces on any user, stands for the full disk. Python 3.11
does not notice that its own byte code was cut short by it (gh-126606), so none is written under it.
"""

import os
import signal
import subprocess
import time

import psutil

from tests.conftest import Project
from tests.interplay.test_team import SHARE, Team, shared, team  # noqa: F401 (fixtures
from tests.interplay.test_together import REPRO, SNAKEMAKE, has_begun, tiny  # noqa: F401
from tests.interplay.tinyproject import Tiny, wait_until

LARGE = "x" * 5_000_000 + "\n"
NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE=1"


def limited(kib: int, command: tuple[str, ...]) -> tuple[str, ...]:
    return ("bash", "-c", f"ulimit -f {kib}; {NO_BYTE_CODE} exec {' '.join(command)}")


def test_a_full_remote_is_said_and_the_branch_is_not_pushed(team: Team):  # noqa: F811
    (team.ada.path / "data/a.txt").write_text(LARGE)
    team.ada.run(*SNAKEMAKE)
    team.ada.commit("large")
    shared_before = team.ada.run("git", "ls-remote", "origin")
    said = team.ada.run(*limited(2000, SHARE), fails=True)  # more than DVC's own files
    assert "dvc push with the remote team failed; nothing was lost" in said
    assert "There is no room left: make some and run the same command again" in said
    assert said.count("failed to transfer") == 1, "not a line for each file"
    assert "Traceback" not in said
    assert team.ada.run("git", "ls-remote", "origin") == shared_before
    assert "Data -> team: " in team.ada.run(*SHARE)


def test_a_database_of_dvc_that_cannot_be_written_is_said(tiny: Tiny):  # noqa: F811
    for command in (SNAKEMAKE, SHARE):
        tiny.run("git", "remote", "add", "origin", ".") if command == SHARE else None
        said = tiny.run(*limited(4, command), fails=True)
        assert "a database of DVC, in /var/tmp/dvc or your core.site_cache_dir" in said
        assert "Traceback" not in said


def test_a_disk_that_fills_up_in_a_stage_leaves_nothing_half_written(project: Project):
    made = "data/normalized/line.safetensors"
    command = "python -m pipeline normalize"
    project.edit("dvc.yaml", command, f"ulimit -f 8; {NO_BYTE_CODE} {command}")
    said = project.run(*SNAKEMAKE, made, fails=True)
    assert "File too large" in said
    assert "Nothing half-written was left behind; make room" in said
    assert "Traceback" not in said
    assert list((project.path / "data/normalized").glob("*.safetensors*")) == []
    assert list((project.path / "data/normalized").glob(".*.partial")) == []
    project.run("git", "checkout", "dvc.yaml")
    project.run(*REPRO, "normalize@line")
    assert (project.path / made).is_file()


def test_a_job_that_is_terminated_fails_alone_and_runs_with_the_next_call(tiny: Tiny):  # noqa: F811
    """Slurm, Docker and systemd send SIGTERM first."""
    snakemake = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="3")
    wait_until(lambda: has_begun(tiny, "make@x"))
    job = next(
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if (process.info["cmdline"] or [])[-2:] == ["pipeline.engine.job", "make@x"]
        and process.info["cwd"] == str(tiny.path)
    )
    os.kill(job.pid, signal.SIGTERM)
    assert snakemake.wait(120) != 0
    tiny.await_quiet()
    assert (tiny.path / "results/scores/y.txt").is_file(), "the other run is complete"
    assert not (tiny.path / "results/x/made.txt").exists()
    tiny.executed()
    tiny.run(*SNAKEMAKE)
    assert tiny.executed() == ["make@x", "grow@x", "total"]
    assert tiny.found() == tiny.expected()


def test_outputs_of_a_clock_that_was_ahead_are_made_again_where_they_are_stale(tiny: Tiny):  # noqa: F811
    tiny.run(*SNAKEMAKE)
    for file in (tiny.path / "results").rglob("*.txt"):
        os.utime(file, (time.time() + 86400,) * 2)
    tiny.set("x", base=7)
    tiny.set("y", factor=7)  # reads an output that is fresh, and of the future, too
    tiny.executed()
    tiny.run(*SNAKEMAKE)
    assert sorted(tiny.executed()) == ["grow@x", "grow@y", "make@x", "total"]
    assert tiny.found() == tiny.expected()


def test_a_stop_stops_the_jobs_also_where_nobody_reads_the_words(tiny: Tiny):  # noqa: F811
    """As in `snakemake | tee`, whose tee a Ctrl-C has ended first."""
    snakemake = subprocess.Popen(
        SNAKEMAKE,
        cwd=tiny.path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env=tiny.environment(SECONDS_PER_STAGE="300"),
    )
    wait_until(lambda: has_begun(tiny, "make@x"))
    assert snakemake.stdout is not None
    snakemake.stdout.close()
    snakemake.send_signal(signal.SIGTERM)
    assert snakemake.wait(60) == 1
    assert tiny.at_work() == []
