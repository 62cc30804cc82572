"""Long random sequences of what people do to a project, on both real engines, against a model.

After every complete run of either engine: the contents are those of a run from scratch, both
engines have nothing left to do, and no stage ran that had run before on the same inputs.

More examples than the default (the full check of a release):
    INTERPLAY_EXAMPLES=200 pytest tests/interplay/test_state_machine.py
"""

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests import warm
from tests.interplay.tinyproject import Tiny, new_tiny

EXAMPLES = int(os.environ.get("INTERPLAY_EXAMPLES", "5"))
STEPS = 15
NOTHING = "Nothing to be done"
UP_TO_DATE = "Data and pipelines are up to date."
SNAKEMAKE = ("snakemake", "--cores", "2")
REPRO = ("dvc", "repro")

CUT_OFF = (
    "Unable to read RWLock-file",
    "dvc.lock' is invalid",
    "dvc.lock' validation failed",
)

Key = tuple[object, ...]
names = st.sampled_from(["x", "y", "z"])
values = st.integers(0, 2)


class World:
    """The forks' server and a project in which everything has run, to start each example from."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="interplay"))
        self.warm = warm.shared()
        self.template = new_tiny(self.folder / "template")
        self.template.run(*SNAKEMAKE)
        self.template.commit("results")
        self.count = 0

    def close(self) -> None:
        shutil.rmtree(self.folder)


class Engines(RuleBasedStateMachine):
    world: World

    @initialize()
    def start(self) -> None:
        self.world.count += 1
        self.folder = self.world.folder / f"example {self.world.count}"
        self.folder.mkdir()
        self.clones = 0
        self.killed = False  # by us, since a run was complete
        self.tiny = self.world.template.copy_to(self.folder / "clone 0")
        remote = str(self.folder / "remote")
        self.say("dvc", "remote", "add", "--default", "team", remote)
        self.locked = {stage: self.key(stage) for stage in self.stages()}  # what dvc.lock says
        self.known = set(self.locked.items())  # in the run-cache
        self.held = set(self.locked.items())  # outputs in the cache
        self.commits: list[tuple[str, dict[str, Key]]] = []
        self.clean = True  # nothing was touched since a complete run
        self.commit()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    # ---- commands

    def say(self, *command: str, fails: bool | None = False, **more: str) -> str:
        """What it prints. `fails`: whether it has to end with an error; None: either will do."""
        if command[0] not in ("dvc", "snakemake"):
            return self.tiny.run(*command)
        output = self.folder / "output"
        output.unlink(missing_ok=True)
        code = self.world.warm.wait(self.begin(*command, **more))
        said = output.read_text()
        if self.killed and command[0] == "dvc" and any(sign in said for sign in CUT_OFF):
            # DVC rewrites these two files in place; it does not mend what a kill has cut off
            self.killed = False
            self.tiny.run("python", "-m", "pipeline", "mend")
            return self.say(*command, fails=fails, **more)
        assert "Traceback" not in said, f"{command}:\n{said}"
        if fails is not None:
            assert (code != 0) == fails, f"{command} ended with {code}:\n{said}"
        return said

    def begin(self, *command: str, **more: str) -> int:
        return self.world.warm.start(
            *command,
            folder=self.tiny.path,
            environment=self.tiny.environment(**more),
            output=self.folder / "output",
        )

    # ---- the model

    def stages(self) -> list[str]:
        runs = self.tiny.params["runs"]
        return [f"{stage}@{run}" for run in runs for stage in ("make", "grow")]

    def key(self, stage: str) -> Key:
        """All that `stage` reads, as it stands in the folder; None for a missing file."""
        kind, _, name = stage.partition("@")
        run = self.tiny.params["runs"][name]
        if kind == "make":
            return self.tiny.version(kind), run["source"], run["base"], self.source(run["source"])
        made = self.tiny.path / f"results/{name}/made.txt"
        return self.tiny.version(kind), run["factor"], made.read_text() if made.exists() else None

    def source(self, name: str) -> str:
        return (self.tiny.path / f"data/{name}.txt").read_text()

    def check_executed(self, stages: list[str]) -> None:
        """After they have run to their end: each had to, and is recorded now."""
        executed = self.tiny.executed()
        assert len(set(executed)) == len(executed), f"twice: {executed}"
        if self.clean:
            assert executed == []
        for stage in set(executed) - {"total"}:  # its output is not cached: it may run again
            pair = (stage, self.key(stage))
            reusable = pair in self.known or self.locked.get(stage) == pair[1]
            assert not (reusable and pair in self.held), f"{stage} ran again for nothing"
            self.known.add(pair)
        for stage in stages:
            self.locked[stage] = self.key(stage)
            self.held.add((stage, self.locked[stage]))

    def check_complete(self) -> None:
        self.check_executed(self.stages())
        assert self.tiny.found() == self.tiny.expected()
        assert UP_TO_DATE in self.say("dvc", "status")
        assert NOTHING in self.say("snakemake", "-n")
        assert UP_TO_DATE in self.say(*REPRO)
        assert self.tiny.executed() == []
        self.clean = True
        self.killed = False

    # ---- what people change

    @rule(name=names, key=st.sampled_from(["base", "factor"]), value=values)
    def set_parameter(self, name: str, key: str, value: int) -> None:
        if name in self.tiny.params["runs"]:
            self.tiny.set(name, **{key: value})
            self.clean = False

    @rule(name=names, source=st.sampled_from("ab"), value=values)
    def add_run(self, name: str, source: str, value: int) -> None:
        if name not in self.tiny.params["runs"]:
            self.tiny.set(name, source=source, base=value, factor=0)
            self.clean = False

    @precondition(lambda self: len(self.tiny.params["runs"]) > 1)
    @rule(name=names)
    def remove_run(self, name: str) -> None:
        if name in self.tiny.params["runs"]:
            self.tiny.remove(name)
            self.clean = False

    @rule(stage=st.sampled_from(["make", "grow", "total"]), version=values)
    def edit_code(self, stage: str, version: int) -> None:
        self.tiny.set_version(stage, version)
        self.clean = False

    @rule(name=st.sampled_from("ab"), content=st.sampled_from(["alpha", "beta", "gamma"]))
    def change_data(self, name: str, content: str) -> None:
        (self.tiny.path / f"data/{name}.txt").write_text(content + "\n")
        self.clean = False

    @rule(number=st.integers(0, 20), how=st.sampled_from(["delete", "corrupt", "touch"]))
    def damage_output(self, number: int, how: str) -> None:
        outputs = sorted(self.tiny.expected())
        path = self.tiny.path / outputs[number % len(outputs)]
        if not path.exists():
            return
        if how == "touch":
            path.touch()
            return
        path.unlink() if how == "delete" else path.write_text("rubbish\n")
        self.clean = False

    @rule(name=st.sampled_from(["data/a.txt", "code/make.py", "params.yaml", "dvc.lock"]))
    def touch_input(self, name: str) -> None:
        (self.tiny.path / name).touch()

    # ---- engines

    @rule()
    def run_snakemake(self) -> None:
        self.say(*SNAKEMAKE)
        self.check_complete()

    @rule()
    def run_repro(self) -> None:
        self.say(*REPRO)
        self.check_complete()

    @rule(name=names)
    def run_snakemake_for_one_file(self, name: str) -> None:
        if name in self.tiny.params["runs"]:
            self.say(*SNAKEMAKE, f"results/scores/{name}.txt")
            self.check_executed([f"make@{name}", f"grow@{name}"])

    @rule(name=names)
    def run_repro_for_one_stage(self, name: str) -> None:
        if name in self.tiny.params["runs"]:
            self.say(*REPRO, f"grow@{name}")
            self.check_executed([f"make@{name}", f"grow@{name}"])

    @rule(name=names, kind=st.sampled_from(["make", "grow"]))
    def run_repro_single_item(self, name: str, kind: str) -> None:
        """Fails if what it reads is not there; takes it as it is if it is stale."""
        stage = f"{kind}@{name}"
        if name in self.tiny.params["runs"]:
            missing = self.key(stage)[-1] is None
            self.clean = False
            self.say(*REPRO, "--single-item", stage, fails=missing)
            self.check_executed([] if missing else [stage])

    @rule()
    def plan(self) -> None:
        before = self.tiny.found(), (self.tiny.path / "dvc.lock").read_bytes()
        self.say("snakemake", "-n")
        assert (self.tiny.found(), (self.tiny.path / "dvc.lock").read_bytes()) == before
        assert self.tiny.executed() == []

    @rule(engine=st.sampled_from([SNAKEMAKE, REPRO]), moment=st.integers(0, 2**32))
    def kill_an_engine(self, engine: tuple[str, ...], moment: int) -> None:
        """At any time: before it has read anything, in a stage, after the last one."""
        pid = self.begin(*engine, SECONDS_PER_STAGE="0.2")
        time.sleep(random.Random(moment).uniform(0, 3))
        os.kill(pid, signal.SIGKILL)
        self.world.warm.wait(pid)
        self.tiny.await_quiet()
        self.tiny.executed()
        self.locked = {}  # not known
        self.killed = True
        self.clean = False

    # ---- Git, cache and remote

    @rule()
    def commit(self) -> None:
        self.say("git", "add", "--all")
        self.say("git", "commit", "--quiet", "--allow-empty", "--message", "state")
        self.commits.append((self.say("git", "rev-parse", "HEAD").strip(), dict(self.locked)))

    @rule(number=st.integers(0, 20))
    def check_out_an_earlier_commit(self, number: int) -> None:
        revision, locked = self.commits[number % len(self.commits)]
        self.say("git", "checkout", "--quiet", "--force", "--detach", revision)
        self.say("dvc", "checkout", "--force", fails=None)  # gc may have removed what it wants
        self.locked = dict(locked)
        self.clean = False

    @rule(everywhere=st.booleans())
    def collect_garbage(self, everywhere: bool) -> None:
        self.say("dvc", "gc", "--force", "--all-commits" if everywhere else "--workspace")
        kept = {pair for pair in self.locked.items() if pair[0] in self.stages()}
        if everywhere:
            kept |= {pair for _, locked in self.commits for pair in locked.items()}
        self.held &= kept

    @precondition(lambda self: self.clean)
    @rule(run_cache=st.booleans())
    def go_on_in_a_fresh_clone(self, run_cache: bool) -> None:
        self.commit()
        with_runs = ["--run-cache"] if run_cache else []
        self.say("dvc", "push", *with_runs)
        self.clones += 1
        clone = self.folder / f"clone {self.clones}"
        self.say("git", "clone", "--quiet", str(self.tiny.path), str(clone))
        self.tiny = Tiny(clone, self.tiny.executions)
        self.say("dvc", "pull", *with_runs)
        if not run_cache:
            self.known = set()
            self.held = {pair for pair in self.locked.items() if pair[0] in self.stages()}
        self.check_complete()


@pytest.fixture(scope="module", autouse=True)
def world():
    Engines.world = World()
    yield
    Engines.world.close()


TestEngines = Engines.TestCase
TestEngines.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    derandomize=EXAMPLES < 100,
    database=None,
    # each step takes seconds: shrinking would take hours, and the steps are printed as it is
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
