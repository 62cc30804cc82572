"""Files by which DVC and we remember what was run: cut, flipped, replaced, gone, under every command."""

import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from snakemake.exceptions import WorkflowError

from pipeline import cli
from pipeline.engine import job, workflow
from tests.campaign.attack import Attack, Refused
from tests.conftest import Project, new_project
from tests.io.damage import damaged

COUNT = 2  # cuts, and as many flipped bits, of each file
FILES = (
    "dvc.yaml",
    "dvc.lock",
    "params.yaml",
    ".dvc/config",
    ".dvc/tmp/rwlock",
    ".dvc/tmp/dvc.lock.last",
    ".dvc/tmp/snakemake.lock",
    ".dvc/tmp/btime",
)
CRASHED = 99


def plan() -> int:
    """What `snakemake -n` does with the Snakefile."""
    try:
        workflow.load({}, judge=True, wait=False)
    except WorkflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


COMMANDS: dict[str, Callable[[], int]] = {
    "snakemake": plan,
    "job": lambda: job.main("download@line"),
    **{
        name: lambda arguments=arguments: cli.main(arguments)
        for name, arguments in {
            "mend": ["mend"],
            "share": ["share", "--partial"],
            "fetch": ["fetch"],
            "prune": ["prune"],
            "compare": ["compare"],
            "page": ["page"],
            "normalize": ["normalize", "line"],
        }.items()
    },
}


def prepared(path: Path) -> Project:
    """A project that has run two stages and shared them."""
    project = new_project(path / "a project", "recipes/quick.yaml")
    project.run("git", "init", "--quiet", "--bare", "--initial-branch", "main", "../team.git")
    project.run("git", "remote", "add", "origin", "../team.git")
    (path / "remote").mkdir()
    project.run("dvc", "remote", "add", "--default", "team", "../remote")
    project.run("dvc", "repro", "--quiet", "normalize@line")
    project.commit("points")
    project.pipeline("share", "--partial")
    project.snakemake("--dry-run")  # it writes the files below .dvc/tmp
    return project


def spoils(content: bytes, count: int) -> Iterator[tuple[str, Callable[[Path], object]]]:
    for what, spoilt in damaged(content or b"x", count):
        yield what, lambda path, spoilt=spoilt: path.write_bytes(spoilt)
    yield "gone", lambda path: None
    yield "a folder", lambda path: path.mkdir()
    yield "a link to nowhere", lambda path: path.symlink_to("nowhere")
    yield "a loop", lambda path: path.symlink_to(path.name)


def attacks(folder: Path, count: int = COUNT) -> Iterator[Attack]:
    project = prepared(folder)
    whole = folder / "whole"
    for name in FILES:
        (whole / name).parent.mkdir(parents=True, exist_ok=True)
        if (project.path / name).is_file():
            shutil.copy2(project.path / name, whole / name)
    for name in FILES:
        original = (whole / name).read_bytes() if (whole / name).is_file() else b""
        for what, spoil in spoils(original, count):
            for command in COMMANDS:
                yield one(project.path, whole, name, what, spoil, command)


def one(
    path: Path, whole: Path, name: str, what: str, spoil: Callable[[Path], object], command: str
) -> Attack:
    def act() -> str:
        for each in FILES:
            remove(path / each)
            if (whole / each).is_file():
                shutil.copy2(whole / each, path / each)
        remove(path / name)
        spoil(path / name)
        code, said = in_a_child(path, COMMANDS[command])
        if code < 0 or code == CRASHED or "Traceback" in said:
            raise RuntimeError(f"ended with {code}: {said.strip()[-200:]}")
        if code:
            raise Refused(said)
        return said

    # a file of DVC may be named by what it is, or by another one that then does not fit
    names = (
        Path(name).name,
        *(Path(each).name for each in FILES),
        "Git",
        "stage",
        "utput",
        "recorded",
        "remote",  # which .dvc/config names
    )
    kept = (path / "data/raw", path / "data/normalized", path / ".dvc/cache/files")
    return Attack(f"{name} {what}, {command}", act, names, folders=kept)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def in_a_child(folder: Path, action: Callable[[], int]) -> tuple[int, str]:
    """Exit code (minus the number of the signal that ended it) and all that `action` prints, in `folder`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w"), os.fdopen(2, "w")
        try:
            os.chdir(folder)
            code = action()
        except BaseException:
            traceback.print_exc()
            code = CRASHED
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said
