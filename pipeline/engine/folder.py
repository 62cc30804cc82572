"""Where the project lies, and files of its own that DVC cannot read: said in a few lines, before DVC fails."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ruamel.yaml import YAML

from pipeline.errors import PipelineError
from pipeline.io.files import reading
from pipeline.io.nesting import check_nesting

DAG = Path("dvc.yaml")
READ_BY_DVC = (DAG, Path("params.yaml"), Path("dvc.lock"))
# of the engines, DVC and the stages: neither engine says which of them is the matter if it is a file
FOLDERS = (
    ".dvc/tmp",
    ".snakemake",
    ".snakemake/incomplete",
    ".snakemake/log",
    "logs",
    "data",
    "results",
)
SETTINGS_OF_DVC = (Path(".dvc/config"), Path(".dvc/config.local"))
# At the start of a line of DVC's settings, which has one; the time of its parser grows with their square.
MOST_BRACKETS = 100


class FolderError(PipelineError):
    """DVC cannot work with what is in the project's folder, or where that lies."""


def check_folder() -> None:
    """FolderError if the project's path has braces (DVC takes what is between them for a name of its own), a file
    stands in the place of a folder, or one would crash DVC."""
    here = str(Path.cwd())
    if "{" in here or "}" in here:
        raise FolderError(
            f"DVC cannot work in a folder whose path has braces: {here}\n"
            "Rename that folder, or move the project: nothing in it depends on where it lies."
        )
    for name in FOLDERS:
        if os.path.lexists(name) and not os.path.isdir(name):
            raise FolderError(
                f"{name} is a link to {os.readlink(name)}, where no folder is: connect that disk, or remove the link"
                if os.path.islink(name)
                else f"{name} is a file, and has to be a folder. Move it away: mv {name} {name}.old"
            )
    for path in READ_BY_DVC:
        if path.is_file():
            with reading(path, "YAML file", FolderError, from_git(path)):
                check_nesting(path.read_bytes())
    for path in SETTINGS_OF_DVC:
        if path.is_file() and any(
            line.lstrip().startswith(b"[" * MOST_BRACKETS)
            for line in path.read_bytes().splitlines()
        ):
            raise FolderError(
                f"{path}: a line starts with {MOST_BRACKETS} brackets or more, where DVC expects one, as in "
                f"[core]. {from_git(path)}"
            )


@contextmanager
def said_in_words() -> Iterator[None]:
    """FolderError instead of what DVC raises where its files are damaged."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError

    check_folder()
    for path in READ_BY_DVC[:2]:  # dvc.lock is mended
        if not path.exists():
            raise FolderError(
                f"{path} is missing. Run this in the project's folder, or take the file of Git: git checkout {path}"
            )
        with reading(path, "YAML file", FolderError, from_git(path)):
            content = YAML(typ="safe").load(path.read_bytes())
        if path == DAG and not (isinstance(content, dict) and content.get("stages")):
            # to DVC the results of stages that are gone are left over, and `dvc pull` deletes them
            raise without_stages()
    try:
        yield
    except LockError:
        raise FolderError(
            "another DVC command is at work in this folder; run again when it is done."
        ) from None
    except DvcException as error:
        raise FolderError(
            f"{str(error).strip()}\nA file of DVC is damaged or missing. Of those in Git: git status, git checkout FILE"
        ) from None


def without_stages() -> FolderError:
    return FolderError(f"{DAG} lists no stages. {from_git(DAG)}")


def from_git(path: Path) -> str:
    return f"Mend it, or take the one of Git: git checkout {path}"
