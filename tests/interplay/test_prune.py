"""make prune: what is dropped, what is kept, what is shown."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from pipeline.io import in_use
from pipeline.team import commits
from pipeline.team import prune as prune_module
from tests.interplay.tinyproject import Tiny, kill, new_tiny, wait_until

REPRO = ("dvc", "repro")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Committed and pushed with base 0, committed with base 1, tried with base 2, now at base 3."""
    tiny = new_tiny(tmp_path_factory.mktemp("built") / "a tiny project")
    origin = tiny.path.parent / "origin.git"
    tiny.run("git", "init", "--quiet", "--bare", str(origin))
    tiny.run("git", "remote", "add", "origin", str(origin))
    tiny.run(*REPRO)
    tiny.commit("base 0")
    tiny.run("git", "push", "--quiet", "origin", "main")
    tiny.run(
        "dvc",
        "remote",
        "add",
        "--default",
        "--quiet",
        "--local",
        "store",
        str(tiny.path.parent / "store"),
    )
    tiny.run("dvc", "push", "--quiet")
    tiny.set("x", base=1)
    tiny.run(*REPRO)
    tiny.commit("base 1")
    for base in (2, 3):
        tiny.set("x", base=base)
        tiny.run(*REPRO)
    return tiny


@pytest.fixture
def used(built: Tiny, tmp_path: Path) -> Tiny:
    copy = built.copy_to(tmp_path / "a copy")
    copy.executed()
    return copy


def prune(tiny: Tiny, keep: str = "commits", yes: bool = True, fails: bool = False) -> str:
    command = ("python", "-m", "pipeline", "prune", "--keep", keep, *(["--yes"] if yes else []))
    return tiny.run(*command, fails=fails)


def is_cached(tiny: Tiny, base: int) -> bool:
    tiny.set("x", base=base)
    digest = hashlib.md5(tiny.expected()["results/x/made.txt"].encode()).hexdigest()
    return (tiny.path / ".dvc/cache/files/md5" / digest[:2] / digest[2:]).exists()


@pytest.mark.parametrize(
    ("keep", "kept"), [("commits", [0, 1, 3]), ("branches", [1, 3]), ("workspace", [1, 3])]
)
def test_what_no_kept_commit_names_is_dropped(used: Tiny, keep: str, kept: list[int]):
    said = prune(used, keep)
    assert "results in DVC's cache" in said and "Dropped" in said
    assert "up to date" in used.run("dvc", "status")
    assert [base for base in range(4) if is_cached(used, base)] == kept


def test_what_was_dropped_is_made_again_and_what_was_kept_is_not(used: Tiny):
    prune(used)
    for base, made in ((2, ["make@x", "grow@x", "total"]), (0, ["total"])):
        used.set("x", base=base)
        used.run(*REPRO)
        assert used.executed() == made
        assert used.found() == used.expected()


def test_nothing_is_dropped_before_a_yes(used: Tiny):
    before = sorted((used.path / ".dvc/cache").rglob("*"))
    said = prune(used, yes=False)
    assert "Not needed" in said and "--yes" in said
    assert sorted((used.path / ".dvc/cache").rglob("*")) == before


def test_an_experiment_keeps_its_results(used: Tiny):
    used.run("dvc", "exp", "save", "--name", "tried")
    used.run("git", "checkout", "--quiet", ".")
    used.run("dvc", "checkout")
    prune(used, "workspace")
    assert [base for base in range(4) if is_cached(used, base)] == [1, 3]


def test_an_experiment_at_work_in_a_folder_of_its_own_keeps_its_results(used: Tiny):
    used.commit("base 3")
    used.set("x", base=8)
    experiment = used.start("dvc", "exp", "run", "--temp", SECONDS_PER_STAGE="20")
    wait_until(lambda: used.executions.exists() and "grow@x" in used.executions.read_text())
    used.set("x", base=3)
    prune(used)
    kill(experiment)
    assert is_cached(used, 8)


def test_what_a_stage_removes_while_its_folder_is_measured_is_left_out(tmp_path, monkeypatch):
    (tmp_path / "checkpoint.pt").write_text("x")
    gone = [(str(tmp_path), [], ["gone.pt", "checkpoint.pt"])]
    monkeypatch.setattr(os, "walk", lambda _: gone)
    assert prune_module.size(tmp_path) == (tmp_path / "checkpoint.pt").stat().st_blocks * 512
    assert prune_module.newest(tmp_path) < time.time() + 1


def test_only_old_logs_and_checkpoints_go(used: Tiny):
    old, new = used.path / "logs/old.log", used.path / "logs/new.log"
    checkpoint = used.path / ".checkpoints/abc/checkpoint.pt"
    for path in (old, new, checkpoint):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    ages = time.time() - 15 * 86400
    for path in (old, checkpoint, checkpoint.parent):
        os.utime(path, (ages, ages))
    prune(used)
    assert not old.exists() and not checkpoint.parent.exists()
    assert new.exists()


def test_beside_a_dvc_repro_nothing_is_dropped(used: Tiny):
    """While a person decides it would hold the lock that DVC needs at the end of the stage."""
    used.set("x", base=9)
    repro = used.start(*REPRO, SECONDS_PER_STAGE="60")
    wait_until(lambda: used.executions.exists())
    assert f"(PID {repro.pid}): " in prune(used, fails=True)
    kill(repro)
    assert "Dropped" in prune(used)


def test_a_checkpoint_that_a_training_goes_on_with_stays_however_old(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".checkpoints/abc"
    with in_use.marked(folder):
        os.utime(folder / in_use.NAME, (0, 0))
        os.utime(folder, (0, 0))
        assert [waste.paths for waste in prune_module.old(0)] == [[], []]
    assert [waste.paths for waste in prune_module.old(0)] == [[Path(".checkpoints/abc")], []]


def test_the_end_of_the_input_is_no_yes(monkeypatch):
    def end(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", end)
    monkeypatch.setattr(prune_module.sys.stdin, "isatty", lambda: True, raising=False)
    assert not prune_module.confirmed()


def test_a_cache_that_others_use_is_left_alone(used: Tiny):
    used.run("dvc", "cache", "dir", str(used.path.parent / "shared"))
    assert "which other projects may use" in prune(used, fails=True)


def test_results_that_no_dvc_remote_holds_are_kept(used: Tiny):
    used.run("dvc", "remote", "modify", "--local", "store", "url", str(used.path.parent / "empty"))
    prune(used, "workspace")
    assert [base for base in range(4) if is_cached(used, base)] == [0, 1, 3]


def test_all_stashes_and_other_worktrees_keep_their_results(used: Tiny):
    used.commit("base 3")
    for base in (4, 5):
        used.set("x", base=base)
        used.run(*REPRO)
        used.run("git", "stash", "--quiet")
    used.run(
        "git", "worktree", "add", "--quiet", "--detach", str(used.path.parent / "other"), "HEAD"
    )
    used.set("x", base=6)
    used.run(*REPRO)
    prune(used, "workspace")
    assert [base for base in range(7) if is_cached(used, base)] == [1, 3, 4, 5, 6]


@pytest.mark.parametrize("place", [".checkpoints", "logs", ".dvc/cache/files", ".dvc/cache/runs"])
def test_nothing_is_deleted_behind_a_link(used: Tiny, place: str):
    elsewhere, linked = used.path.parent / "scratch", used.path / place
    if linked.exists():
        linked.rename(elsewhere)
    elsewhere.mkdir(exist_ok=True)
    old = elsewhere / "job.log"
    old.write_text("x")
    os.utime(old, (0, 0))
    linked.symlink_to(elsewhere)
    before = sorted(elsewhere.rglob("*"))
    assert str(elsewhere) in prune(used, fails=True)
    assert sorted(elsewhere.rglob("*")) == before


def test_a_link_in_an_old_checkpoint_goes_and_what_it_leads_to_stays(used: Tiny):
    theirs = used.path.parent / "theirs"
    theirs.mkdir()
    (theirs / "model.pt").write_text("x")
    folder = used.path / ".checkpoints"
    folder.mkdir(exist_ok=True)
    for link, target in ((folder / "linked", theirs), (folder / "dangling", theirs / "gone")):
        link.symlink_to(target)
        os.utime(link, (0, 0), follow_symlinks=False)
    prune(used)
    assert not list(folder.glob("*"))
    assert (theirs / "model.pt").exists()


FOLDER = """
  many:
    cmd: mkdir -p results/many && cp params.yaml results/many
    deps: [params.yaml]
    outs: [results/many]
"""


def test_a_clone_of_results_that_nobody_pushed_is_pruned_too(tmp_path: Path):
    """DVC cannot tell what their folders held."""
    tiny = new_tiny(tmp_path / "a release")
    tiny.edit("dvc.yaml", "\nstages:\n", f"\nstages:\n{FOLDER}")
    tiny.run(*REPRO)
    tiny.commit("release")
    tiny.run("git", "clone", "--quiet", ".", "../a clone")
    clone = Tiny(tmp_path / "a clone", tmp_path / "executions")
    assert "Nothing to drop" in prune(clone)
    for base in (5, 6):
        clone.set("x", base=base)
        clone.run(*REPRO)
    assert "Dropped" in prune(clone)
    assert is_cached(clone, 6) and not is_cached(clone, 5)


def test_of_commits_that_name_the_same_one_is_asked(tmp_path: Path, monkeypatch):
    """A project of many commits, most of which change code or text, is pruned in seconds."""
    tiny = new_tiny(tmp_path / "a tiny project")
    monkeypatch.chdir(tiny.path)
    assert commits.naming_results(commits.all_commits()) == [], "nothing has run"
    for file, content in (("dvc.lock", "{}"), ("notes.md", "x"), ("dvc.lock", '{"stages": {}}')):
        Path(file).write_text(content)
        tiny.commit(file)
    subjects = commits.git(
        "log", "--format=%s", "--no-walk", *commits.naming_results(commits.all_commits())
    )
    assert sorted(subjects) == ["dvc.lock", "notes.md"]


def test_names_of_any_bytes_and_a_worktree_without_a_commit_are_no_obstacle(
    tmp_path: Path, monkeypatch
):
    tiny = new_tiny(tmp_path / "a tiny project")
    monkeypatch.chdir(tiny.path)
    Path("dvc.lock").write_text("{}")
    Path(os.fsdecode(b"caf\xe9.yaml")).write_text("x")
    tiny.commit("latin-1")
    tiny.run("git", "worktree", "add", "--quiet", "--detach", "../HEAD x", "HEAD")
    tiny.run("git", "worktree", "add", "--quiet", "--detach", "--no-checkout", "../new", "HEAD")
    tiny.run("git", "-C", "../new", "checkout", "--quiet", "--orphan", "unborn")
    (latest,) = commits.git("rev-parse", "HEAD")
    assert commits.naming_results(commits.all_commits()) == [latest]
