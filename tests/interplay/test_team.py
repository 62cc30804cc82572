"""A team: a bare Git repository, a folder for the data, and people's clones."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interplay.test_together import NOTHING, SNAKEMAKE, UP_TO_DATE, assert_complete
from tests.interplay.tinyproject import Tiny, new_tiny

SHARE = ("python", "-m", "pipeline", "share")
FETCH = ("python", "-m", "pipeline", "fetch")


@dataclass(frozen=True)
class Team:
    folder: Path
    ada: Tiny  # has run everything and shared it

    @property
    def data(self) -> Path:
        return self.folder / "data remote"

    def clone(self, name: str) -> Tiny:
        path = self.folder / name
        self.ada.run("git", "clone", "--quiet", str(self.folder / "team.git"), str(path))
        return Tiny(path, self.folder / f"{name}.executions")

    def object_of(self, tiny: Tiny, output: str) -> Path:
        """Where the data remote holds the present content of `output`."""
        import hashlib

        digest = hashlib.md5((tiny.path / output).read_bytes(), usedforsecurity=False).hexdigest()
        return self.data / "files/md5" / digest[:2] / digest[2:]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Team:
    folder = tmp_path_factory.mktemp("shared") / "a team"
    ada = new_tiny(folder / "ada")
    ada.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../team.git")
    ada.run("git", "remote", "add", "origin", str(folder / "team.git"))
    (folder / "data remote").mkdir()
    ada.run("dvc", "remote", "add", "--default", "team", "../data remote")
    ada.run("dvc", "remote", "modify", "team", "verify", "true")
    ada.run(*SNAKEMAKE)
    ada.commit("first results")
    ada.run(*SHARE)
    return Team(folder, ada)


@pytest.fixture
def team(shared: Team, tmp_path: Path) -> Team:
    """A copy of one's own; the paths in the clones are made to point into it."""
    folder = tmp_path / "a team"
    shutil.copytree(shared.folder, folder, symlinks=True)
    ada = Tiny(folder / "ada", folder / "ada.executions")
    ada.run("git", "remote", "set-url", "origin", str(folder / "team.git"))
    ada.executed()
    return Team(folder, ada)


def test_two_people_share_results_and_nobody_trains_twice(team: Team):
    ben = team.clone("ben")
    begun = time.monotonic()
    ben.run(*FETCH)
    assert UP_TO_DATE in ben.run("dvc", "status")
    assert NOTHING in ben.run(*SNAKEMAKE)
    assert time.monotonic() - begun < 60
    assert ben.executed() == []

    ben.set("x", factor=7)
    ben.run(*SNAKEMAKE)
    assert ben.executed() == ["grow@x", "total"]
    ben.commit("factor 7")
    said = ben.run(*SHARE)
    assert "Git  -> origin: branch main" in said
    assert "Data -> team: " in said and "pushed" in said

    team.ada.run(*FETCH)
    assert team.ada.expected()["results/scores/x.txt"].endswith("by 7\n")
    assert_complete(team.ada)
    # the former result is still at hand, too: nobody runs it again
    team.ada.set("x", factor=0)
    team.ada.run(*SNAKEMAKE)
    assert team.ada.executed() == ["total"]


def test_results_of_both_sides_survive_a_merge(team: Team):
    """The documented way out of a conflict in dvc.lock, word for word as the message gives it."""
    ben = team.clone("ben")
    ben.run(*FETCH)
    ben.set("x", base=5)
    ben.run(*SNAKEMAKE)
    ben.commit("x")
    ben.run(*SHARE)
    team.ada.set("y", base=6)
    team.ada.run(*SNAKEMAKE)
    team.ada.commit("y")
    assert "make fetch" in team.ada.run(*SHARE, fails=True)

    team.ada.executed()
    conflict = team.ada.run(*FETCH, fails=True)
    assert "both sides changed dvc.lock" in conflict
    steps = [line.strip().partition("   #")[0] for line in conflict.splitlines()]
    steps = [step for step in steps if step.startswith(("git ", "dvc ", "snakemake "))]
    for step in steps:
        team.ada.run("bash", "-c", f"{step} || [[ '{step}' == dvc* ]]")
    assert team.ada.executed() == ["total"], "both sides' results came from the cache"
    assert team.ada.params["runs"]["x"]["base"] == 5
    assert team.ada.params["runs"]["y"]["base"] == 6
    assert_complete(team.ada)
    team.ada.run(*SHARE)
    ben.executed()
    ben.run(*FETCH)
    assert_complete(ben)
    assert ben.executed() == []


def test_a_tampered_object_is_refused_by_name(team: Team):
    ben = team.clone("ben")
    tampered = team.object_of(team.ada, "results/x/made.txt")
    tampered.chmod(0o644)
    tampered.write_text("something else\n")
    said = ben.run(*FETCH, fails=True)
    assert (
        "results/x/made.txt: refused; what team held under its checksum was something else" in said
    )
    assert "Test <test@example.com>" in said
    assert not (ben.path / "results/x/made.txt").exists()
    assert (ben.path / "results/y/made.txt").exists(), "the others are there"
    team.ada.run(*SHARE)  # as the message says
    ben.run(*FETCH)
    assert_complete(ben)
    assert ben.executed() == []


def test_a_missing_object_is_named_with_who_can_push_it(team: Team):
    ben = team.clone("ben")
    team.object_of(team.ada, "results/y/made.txt").unlink()
    said = ben.run(*FETCH, fails=True)
    assert "results/y/made.txt: was never pushed to team. Test <test@example.com>" in said
    assert "recorded it and can push it: make share" in said
    assert "Or make them here: snakemake --cores all" in said
    ben.run(*SNAKEMAKE)
    assert ben.executed() == ["make@y", "total"]
    assert_complete(ben)


def test_results_beside_a_failing_run_are_shared(team: Team):
    team.ada.set("x", factor=7)
    team.ada.set("z", source="a", base=1, factor=-1)
    assert "factor -1 of z is negative" in team.ada.run(*SNAKEMAKE, fails=True)
    team.ada.commit("z fails")
    assert "share all the rest: python -m pipeline share --partial" in team.ada.run(
        *SHARE, fails=True
    )
    team.ada.run(*SHARE, "--partial")
    ben = team.clone("ben")
    assert "all that was run. Not yet: grow@z" in ben.run(*FETCH)
    assert (ben.path / "results/scores/x.txt").read_text().endswith("by 7\n")
    ben.set("z", factor=1)
    ben.run(*SNAKEMAKE)
    assert ben.executed() == ["grow@z", "total"]
    assert_complete(ben)


def test_a_removed_run_leaves_nothing_that_a_clone_lacks(team: Team):
    """The last stage reads the folder of all scores: a removed run's must not count."""
    team.ada.set("z", source="a", base=1, factor=1)
    team.ada.run(*SNAKEMAKE)
    team.ada.remove("z")
    team.ada.run(*SNAKEMAKE)
    assert_complete(team.ada)
    team.ada.commit("without z")
    team.ada.run(*SHARE)
    ben = team.clone("ben")
    ben.run(*FETCH)
    assert_complete(ben)
    assert ben.executed() == []


@pytest.mark.parametrize(
    ("spoil", "command", "expected"),
    [
        ("git remote remove origin", SHARE, "Git has no remote to share through. Add one"),
        ("dvc remote remove team", SHARE, "DVC has no remote for the results. Add one"),
        ("mv '../data remote' ../gone", SHARE, "which is not there. If it is on a disk or share"),
        (
            "rm -r '../data remote/files' && touch '../data remote/files'",
            SHARE,
            "A file stands where the remote's folder should be",
        ),
        ("mv ../team.git ../gone.git", SHARE, "git fetch failed; nothing was lost"),
        ("rm results/x/made.txt", SHARE, "Run it first: snakemake --cores all"),
        ("echo >> data/a.txt", SHARE, "Run it first: snakemake --cores all"),
        ("echo note > note.txt", SHARE, "Commit them first: git add --all"),
        (
            "dvc remote modify team url '' && git commit --quiet --all --message 'no url'",
            SHARE,
            "has no address of its own",
        ),
        (
            "dvc remote modify team url s3://bucket/a && dvc remote modify team secret_access_key abc "
            "&& git commit --quiet --all --message secret",
            SHARE,
            ".dvc/config gives secret_access_key of the remote team, and Git would share it",
        ),
        (
            "rm results/x/made.txt && echo mine > results/x/made.txt",
            FETCH,
            "1 result(s) here are recorded nowhere, and fetching would overwrite or delete them: results/x/made.txt",
        ),
        (
            'sed -i \'s/"x"/"z"/\' params.yaml && git commit --quiet --all --message z && mkdir results/z && '
            "echo mine | tee results/z/made.txt results/z/side.txt",
            FETCH,
            "2 result(s) here are recorded nowhere, and fetching would overwrite or delete them: results/z/made.txt",
        ),
        ("git checkout --quiet --detach", SHARE, "no branch is checked out"),
        ("echo >> dvc.lock", FETCH, "dvc.lock has changes that are not committed"),
        ("mv '../data remote' ../gone", FETCH, "which is not there. If it is on a disk or share"),
        ("rm -rf .git", FETCH, "not a git repository"),
    ],
)
def test_what_hinders_is_said_and_nothing_is_lost(
    team: Team, spoil: str, command: tuple[str, ...], expected: str
):
    team.ada.run("bash", "-c", spoil)
    before = sorted(str(path) for path in team.folder.rglob("*") if ".dvc/tmp" not in str(path))
    said = team.ada.run(*command, fails=True)
    assert expected in said
    assert "Traceback" not in said
    after = sorted(str(path) for path in team.folder.rglob("*") if ".dvc/tmp" not in str(path))
    assert after == before


def test_a_shallow_clone_fetches_and_shares(team: Team):
    url = (team.folder / "team.git").as_uri()
    team.ada.run("git", "commit", "--quiet", "--allow-empty", "--message", "second")
    team.ada.run(*SHARE)
    team.ada.run("git", "clone", "--quiet", "--depth", "1", url, str(team.folder / "ben"))
    ben = Tiny(team.folder / "ben", team.folder / "ben.executions")
    ben.run(*FETCH)
    assert_complete(ben)
    ben.set("x", factor=2)
    ben.run(*SNAKEMAKE)
    ben.commit("factor 2")
    ben.run(*SHARE)
    team.ada.run(*FETCH)
    assert_complete(team.ada)


def test_who_loses_a_race_to_push_is_told_to_fetch(team: Team):
    ben = team.clone("ben")
    ben.run("git", "commit", "--quiet", "--allow-empty", "--message", "ben's")
    hook = (
        team.ada.path / ".git/hooks/pre-push"
    )  # ben pushes after ada has looked, before she pushes
    hook.write_text(
        f"#!/bin/sh\nunset GIT_DIR\ngit -C '{ben.path}' push --quiet origin main\nexit 0\n"
    )
    hook.chmod(0o755)
    team.ada.run("git", "commit", "--quiet", "--allow-empty", "--message", "ada's")
    said = team.ada.run(*SHARE, fails=True)
    assert "has commits that this folder does not have. Fetch them first: make fetch" in said
    assert "hint:" not in said
