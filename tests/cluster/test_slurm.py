"""`snakemake --profile profiles/slurm` on a real Slurm of two nodes."""

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from pipeline.io.tensors import read_about
from tests.cluster.conftest import SUBMIT, OnCluster
from tests.cluster.slurm import Slurm
from tests.conftest import ROOT, Project, environment
from tests.interplay.test_engines import jobs
from tests.interplay.tinyproject import kill, wait_until

NOTHING = "Nothing to be done"
UP_TO_DATE = "Data and pipelines are up to date."
RUN = {"source": "a", "base": 1, "factor": 1}


def assert_complete(project: Project) -> None:
    assert UP_TO_DATE in project.run("dvc", "status")
    assert NOTHING in project.run("snakemake", "-n")
    assert UP_TO_DATE in project.run("dvc", "repro")


def are_held(tiny: OnCluster, *stages: str) -> bool:
    """Whether all of them have begun to misbehave."""
    held = tiny.executions.with_name(f"{tiny.executions.name}.held")
    return held.exists() and set(stages) <= set(held.read_text().split())


def number(tiny: OnCluster, rule: str) -> str:
    """Of the Slurm job that runs `rule`."""
    listed = tiny.slurm.ask("squeue", "-h", "-o", "%i %k").splitlines()
    return next(line.split()[0] for line in listed if line.endswith(f"rule_{rule}"))


def process_of(tiny: OnCluster, *command: str) -> psutil.Process:
    """On whatever node: from here, the processes of all nodes are seen."""
    found = [
        each
        for each in psutil.process_iter(["cmdline", "cwd"])
        if (each.info["cmdline"] or [])[1:] == [*command] and each.info["cwd"] == str(tiny.path)
    ]
    return found[0]


def test_jobs_that_die_are_named_with_their_cause_and_only_they_run_again(tiny: OnCluster):
    """Killed by somebody, out of time, out of memory; beside one that is fine."""
    tiny.write({"runs": {name: RUN for name in ("fine", "killed", "late", "large")}})
    bad = {"make@killed": "hang", "make@late": "hang", "make@large": 900}
    process = tiny.start(*SUBMIT, MISBEHAVE=json.dumps(bad))
    wait_until(lambda: are_held(tiny, *bad))
    tiny.slurm.ask("scontrol", "update", f"jobid={number(tiny, 'make_late')}", "EndTime=now")
    process_of(tiny, "code/make.py", "killed").kill()
    assert process.wait(300) == 1
    said = tiny.said()
    assert (
        len(re.findall(r"^make (?:killed|late|large) failed \(job \d+\)$", said, re.MULTILINE)) == 3
    )
    for words in (
        "job make_late: .*DUE TO TIME LIMIT",
        "job make_large: .*memory limit",
        "job make_killed: stage make@killed failed: .*exited with (-9|137)",
    ):
        assert re.search(words, said), said
    assert "log: logs/slurm/rule_make_late/" in said
    assert (tiny.path / "results/scores/fine.txt").is_file()  # the rest went on
    for name in ("late", "large"):
        tiny.remove(name)
    tiny.executed()
    tiny.run(*SUBMIT)
    assert tiny.executed() == ["make@killed", "grow@killed", "total"]
    assert_complete(tiny)


def test_jobs_of_a_killed_snakemake_are_waited_for_not_run_twice(tiny: OnCluster):
    tiny.write({"runs": {"x": RUN}})
    go = tiny.path.parent / "go"
    process = tiny.start(*SUBMIT, MISBEHAVE=json.dumps({"make@x": str(go)}))
    wait_until(lambda: are_held(tiny, "make@x"))
    kill(process)
    assert "jobs of a Snakemake that was killed" in tiny.run("snakemake", "-n", fails=True)
    after = tiny.start("snakemake", "--cores", "2")
    wait_until(lambda: "Waiting for jobs of a Snakemake that was killed" in tiny.said())
    go.touch()
    assert after.wait(120) == 0
    assert tiny.executed() == ["make@x", "grow@x", "total"]
    assert_complete(tiny)


def test_a_stopped_snakemake_takes_its_jobs_out_of_the_queue(tiny: OnCluster):
    tiny.write({"runs": {"x": RUN}})
    process = tiny.start(*SUBMIT, MISBEHAVE='{"make@x": "hang"}')
    wait_until(lambda: are_held(tiny, "make@x"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) != 0
    stopping, stopped = tiny.said().splitlines()[-2:]
    assert stopping == "Stopping: jobs in the queue are cancelled; the next call goes on."
    assert stopped.startswith("Stopped after 0:") and ": 0 of 3 stages are done; log: " in stopped
    wait_until(lambda: not tiny.slurm.jobs() and not tiny.at_work())
    busy = (tiny.path / ".dvc/tmp/rwlock").read_text()
    assert "make.py" not in busy and "pid" not in busy  # DVC's own list: SIGTERM let it clean up


def test_what_the_cluster_cannot_run_is_refused_before_anything_is_submitted(tiny: OnCluster):
    said = tiny.run(*SUBMIT, "--default-resources", "slurm_partition=fast", fails=True)
    assert (
        "partition fast does not exist (there are: cpu, gpu): grow_x, grow_y, make_x and 1 more"
        in said
    )
    assert "warning: no runtime for" in said and "repeat them there" in said
    assert "make x: " not in said, "submitted"
    assert "Traceback" not in said


def test_a_machine_without_slurm_is_told_so(tiny: OnCluster, tmp_path: Path):
    for name in ("bash", "git", "which"):
        (tmp_path / name).symlink_to(shutil.which(name))
    path = f"{Path(sys.executable).parent}:{tmp_path}"
    said = tiny.run(*SUBMIT, PATH=path, fails=True)
    assert "sbatch, squeue, sinfo, scancel not found: this machine is no login node" in said
    assert "Traceback" not in said


def test_jobs_do_not_judge_what_is_stale(tiny: OnCluster):
    """They would find their own outputs deleted."""
    tiny.run(
        "python",
        "-c",
        "from pipeline.engine import workflow as w; w.stale_stages = None; w.load({}, judge=False)",
    )
    assert not list(tiny.path.glob(".dvc/tmp/verdicts/*"))


def test_a_node_without_the_environment_says_so(tiny: OnCluster):
    (tiny.path / ".venv").unlink()
    tiny.write({"runs": {"x": RUN}})
    said = tiny.run(*SUBMIT, fails=True)
    assert re.search(r"job make_x: node\d has no .venv of this project: share its folder", said), (
        said
    )


def test_a_part_of_the_quick_recipe_runs_on_the_cluster(
    slurm: Slurm, finished: Project, tmp_path: Path
):
    """A new seed and two devices for one run: training and all that follows; the GPUs of node1 are
    asked for."""
    copy = finished.copy(tmp_path / "a copy")
    (copy.path / ".venv").symlink_to(ROOT / ".venv")
    copy.edit(
        "params.yaml",
        "dataset: line\n    model: gan\n    seed: 0\n    threads: 1\n    train:\n",
        "dataset: line\n    model: gan\n    seed: 1\n    threads: 2\n    train:\n      devices: 2\n",
    )
    before = set((copy.path / ".snakemake/log").glob("*.log"))
    done = subprocess.run(
        SUBMIT,
        cwd=copy.path,
        env=environment() | slurm.environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    stages = {f"{stage}_line" for stage in ("train", "sample", "parzen", "metrics", "figures")}
    assert jobs(done.stdout + done.stderr) == stages | {"check", "scores_line", "table"}
    (log,) = set((copy.path / ".snakemake/log").glob("*.log")) - before
    logged = log.read_text()
    train = logged.partition("rule train_line:")[2]
    assert re.search(r"resources: .*runtime=720.* gpu=2", train)  # of its meta; node1 offers two
    model = read_about(copy.path / "results/line/model.safetensors")
    assert (model["train"]["devices"], model["seed"]) == (2, 1)
    submitted = re.findall(r"has been submitted with SLURM jobid", logged)
    assert len(submitted) == len(stages)  # the others take no time, so run where Snakemake does
    assert_complete(copy)
