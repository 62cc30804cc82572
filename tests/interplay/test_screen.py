"""What a user sees of Snakemake: a plan, a line per job with its reason, a bar, a few words on what went wrong."""

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from tests.interplay.test_together import SNAKEMAKE, built, done, has_begun, tiny  # noqa: F401
from tests.interplay.tinyproject import Tiny, wait_until

PLAN = ("snakemake", "-n")
PROFILE = (
    "Using workflow specific profile profiles/default for setting default command line arguments."
)


def lines(said: str) -> list[str]:
    """Without the one that Snakemake prints before it reads our Snakefile."""
    return [line for line in said.splitlines() if line != PROFILE]


def plan(tiny: Tiny) -> list[str]:  # noqa: F811
    shown = lines(tiny.run(*PLAN))
    assert shown[-1] == "Nothing was run (-n)."
    return shown[:-1]


def logged(tiny: Tiny) -> str:  # noqa: F811
    """What Snakemake wrote into its last log."""
    return max((tiny.path / ".snakemake/log").glob("*.log")).read_text()


def test_a_run_is_a_line_per_job_and_the_log_has_all(tiny: Tiny):  # noqa: F811
    assert plan(tiny) == [
        "5 of 5 stages would run:",
        "  make x, y: first run",
        "  grow x, y: first run",
        "  total: first run",
    ]
    shown = lines(tiny.run(*SNAKEMAKE))
    assert shown[0] == "5 of 5 stages to run:"
    assert sorted(shown[1:6]) == [
        f"{job}: first run" for job in ("grow x", "grow y", "make x", "make y", "total")
    ]
    assert shown[6].startswith("5 stages done in 0:")
    assert len(shown) == 7
    log = logged(tiny)
    for words in (
        "SNAKEMAKE\n=====",
        "rule make_x:",
        "make x: first run",
        "6 of 6 steps (100%) done",
    ):
        assert words in log
    assert (tiny.path / shown[6].partition("; log: ")[2]).read_text() == log
    assert lines(tiny.run(*SNAKEMAKE))[0].startswith("Nothing to be done")


def test_reasons_name_what_changed(done: Tiny):  # noqa: F811
    done.set("x", factor=3)
    assert plan(done) == [
        "2 of 5 stages would run:",
        "  grow x: factor 0 -> 3",
        "  total: x.factor 0 -> 3",
    ]
    done.set("x", factor=0)
    done.set_version("grow", 2)
    assert plan(done) == [
        "3 of 5 stages would run:",
        "  grow x, y: code/grow.py changed",
        "  total: after grow x, grow y",
    ]
    done.set_version("grow", 1)
    (done.path / "results/x/side.txt").unlink()
    (done.path / "results/y/made.txt").write_text("by hand\n")
    done.edit("dvc.yaml", "python code/total.py", "python  code/total.py")
    assert plan(done) == [
        "5 of 5 stages would run:",
        "  make x: results/x/side.txt missing",
        "  make y: results/y/made.txt changed",
        "  grow x: after make",
        "  grow y: results/y/made.txt changed",
        "  total: its command changed",
    ]


def test_a_clone_of_results_that_nobody_pushed_says_so_in_a_line_for_each_stage(done: Tiny):  # noqa: F811
    done.run("git", "clone", "--quiet", ".", "../a clone")
    clone = Tiny(done.path.with_name("a clone"), done.executions)
    assert plan(clone) == [
        "5 of 5 stages would run:",
        "  make x, y: its results are not here",
        "  grow x, y: its results are not here",
        "  total: results/scores missing",
    ]


def test_a_stage_that_is_run_without_need_says_so(done: Tiny):  # noqa: F811
    shown = lines(done.run(*SNAKEMAKE, "--force", "make_x"))
    assert "make x: asked for" in shown
    assert done.executed() == []


@pytest.mark.parametrize("option", ["--verbose", "--printshellcmds", "--show-failed-logs"])
def test_snakemakes_own_words_are_one_option_away(done: Tiny, option: str):  # noqa: F811
    done.set("x", factor=-1)
    said = done.run(*SNAKEMAKE, option, fails=True)
    assert "SNAKEMAKE\n=====" in said and "rule grow_x:" in said
    assert "error: factor -1 of x is negative" in said, "the stage's words, too"
    assert "stages to run" not in said


def test_quiet_is_quiet(done: Tiny):  # noqa: F811
    done.set("x", factor=2)
    said = lines(done.run(*SNAKEMAKE, "--quiet", "all"))
    assert said == ["grow@x: done and recorded in dvc.lock", "total: done and recorded in dvc.lock"]


def test_ctrl_c_is_two_lines(tiny: Tiny):  # noqa: F811
    snakemake = tiny.start(*SNAKEMAKE, SECONDS_PER_STAGE="300")
    wait_until(lambda: has_begun(tiny, "make@x") and has_begun(tiny, "make@y"))
    os.killpg(snakemake.pid, signal.SIGINT)  # as a terminal does
    assert snakemake.wait(120) != 0
    stopping, stopped = lines(tiny.said())[3:]
    assert stopping == "Stopping: the running jobs end now; the next call goes on."
    assert stopped.startswith("Stopped after 0:") and ": 0 of 5 stages are done; log: " in stopped
    assert "Error in rule" in logged(tiny)


def test_ctrl_c_while_it_looks_what_is_stale_is_one_line(done: Tiny):  # noqa: F811
    asked = "import signal\n\ndef load():\n    signal.raise_signal(signal.SIGINT)\n"
    (done.path / "pipeline/config/params.py").write_text(asked)
    assert lines(done.run(*SNAKEMAKE, fails=True)) == ["Stopped."]


def test_a_mistake_in_params_is_said_without_a_stack(done: Tiny):  # noqa: F811
    refuse = "from pipeline.errors import PipelineError\n\ndef load():\n    raise PipelineError('x:\\n  y')\n"
    (done.path / "pipeline/config/params.py").write_text(refuse)
    assert lines(done.run(*SNAKEMAKE, fails=True)) == ["error: x:", "  y"]


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        ("rm dvc.yaml", "error: dvc.yaml lists no stages."),
        (
            "cd .dvc/tmp/verdicts && rm total && mkdir total",
            "error: Is a directory (.dvc/tmp/verdicts/total).",
        ),
        (
            "cd results/x && rm made.txt && ln -s nowhere made.txt",
            "error: No such file or directory (",
        ),
        ("rm -r results/x && touch results/x", "error: Not a directory (results/x/made.txt)."),
    ],
)
def test_what_stands_in_the_way_is_said_without_a_stack(done: Tiny, spoil: str, expected: str):  # noqa: F811
    done.run("bash", "-c", spoil)
    (said,) = lines(done.run("snakemake", "-n", fails=True))
    assert said.startswith(expected)


def on_a_terminal(tiny: Tiny, *command: str, columns: int = 100, **more: str) -> str:  # noqa: F811
    """What it writes there, until it ends."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    environment = tiny.environment(TERM="xterm", **more)
    process = subprocess.Popen(
        command, cwd=tiny.path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    written = b""
    try:
        while part := os.read(ours, 4096):
            written += part
    except OSError:  # Linux's end of a terminal
        pass
    finally:
        os.close(ours)
    assert process.wait(60) == 0
    return written.decode()


def test_a_terminal_has_a_bar_with_the_time_left(tiny: Tiny, tmp_path: Path):  # noqa: F811
    written = on_a_terminal(tiny, *SNAKEMAKE, SECONDS_PER_STAGE="2")
    assert "[#####...............] 25%, 1:15 left" in written
    drawn = [each.partition("\r")[0] for each in written.split("\r\x1b[K")[1:]]
    bars = [each for each in drawn if " of 5 stages, " in each]
    assert bars and all(len(bar) < 100 for bar in bars)
    assert any(bar.startswith("2 of 5 stages") for bar in bars)
    for job in ("make x", "grow y", "total"):
        assert f"{job}: first run\r\n" in written
