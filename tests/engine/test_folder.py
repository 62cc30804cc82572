"""Files that DVC reads, damaged; and a folder in which it cannot work."""

import subprocess
from pathlib import Path

import pytest

from pipeline.engine import locks, repair
from pipeline.engine.folder import FolderError, check_folder, said_in_words
from pipeline.io.nesting import MOST, check_nesting
from tests.conftest import ROOT, environment


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    locks.TEMPORARY.mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("name", ["a {x} b", "{}", "}"])
def test_braces_in_the_path_are_said_before_dvc_fails_over_them(
    here: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    (here / name / locks.TEMPORARY).mkdir(parents=True)
    monkeypatch.chdir(here / name)
    for action in (lambda: locks.take_snakemake_lock(wait=False), repair.mend_busy_files):
        with pytest.raises(FolderError, match=r"path has braces: .*\nRename that folder"):
            action()
    done = subprocess.run(
        [ROOT / "tools/prerequisites", "python3"],
        capture_output=True,
        text=True,
        env=environment() | {"PWD": str(here / name)},
    )
    assert done.returncode == 1 and "a folder whose path has no braces" in done.stderr


DEEP = {
    "brackets": "[" * (MOST + 1),
    "lists in a line": "- " * (MOST + 1) + "x",
    "keys in a line": "? " * (MOST + 1) + "x",
    "maps": "{a: " * (MOST + 1),
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("name", ["dvc.yaml", "dvc.lock", "params.yaml"])
def test_what_would_crash_dvc_is_refused_by_name(here: Path, kind: str, name: str):
    (here / name).write_text(DEEP[kind])
    with pytest.raises(FolderError, match=rf"{name}: .*10,000 levels deep.*git checkout {name}"):
        check_folder()


@pytest.mark.parametrize("name", [".dvc/config", ".dvc/config.local"])
def test_settings_that_would_keep_dvcs_parser_busy_for_minutes_are_refused(here: Path, name: str):
    (here / name).write_text("[core]\n  remote = team\n")
    check_folder()
    (here / name).write_text("[core]\n  " + "[" * 100_000)
    with pytest.raises(
        FolderError, match=rf"{name}: a line starts with 100 brackets.*git checkout"
    ):
        check_folder()


@pytest.mark.parametrize("name", [".snakemake/incomplete", "logs", "results"])
def test_what_has_to_be_a_folder_and_is_none_is_named_with_the_way_out(here: Path, name: str):
    place = here / name
    place.mkdir(parents=True)
    check_folder()
    place.rmdir()
    place.symlink_to("nowhere")
    with pytest.raises(FolderError, match=rf"{name} is a link to nowhere, where no folder is"):
        check_folder()
    place.unlink()
    place.touch()
    with pytest.raises(FolderError, match=rf"{name} is a file, .*: mv {name} {name}.old"):
        check_folder()


def test_many_brackets_that_are_closed_are_no_nesting():
    check_nesting("[]" * (3 * MOST) + "\n" + "- x\n" * (3 * MOST))
    check_nesting("]" * MOST + "[" * MOST)


@pytest.mark.parametrize(
    "content",
    [
        b"stages: 2020-13-45",
        b"a: [",
        b"\xff\xff",
        b"x: !!python/object:os.system {}",
    ],
)
@pytest.mark.parametrize("name", ["dvc.yaml", "params.yaml"])
def test_what_is_no_yaml_is_said_before_dvc_stumbles_over_it(name: str, content: bytes):
    Path("dvc.yaml").write_text("stages: {a: {cmd: a}}")
    Path(name).write_bytes(content)
    with (
        pytest.raises(FolderError, match=rf"{name}: cannot be read as a YAML file"),
        said_in_words(),
    ):
        raise AssertionError("the command has begun")


@pytest.mark.parametrize("spoilt", [None, "", "stages: {}", "stages:", "[]", "5"])
def test_a_list_without_stages_is_refused_because_dvc_would_delete_their_results(
    spoilt: str | None,
):
    Path("params.yaml").write_text("runs: {}")
    if spoilt is not None:
        Path("dvc.yaml").write_text(spoilt)
    with pytest.raises(FolderError, match=r"dvc.yaml.*git checkout dvc.yaml"), said_in_words():
        raise AssertionError("the command has begun")


def test_what_dvc_raises_is_said_in_its_words():
    Path("params.yaml").write_text("runs: {}")
    Path("dvc.yaml").write_text("stages: {a: {cmd: a}}")
    from dvc.config import ConfigError
    from dvc.lock import LockError

    with (
        pytest.raises(FolderError, match=r"config file error: bad\n.*git checkout"),
        said_in_words(),
    ):
        raise ConfigError("bad")
    with (
        pytest.raises(FolderError, match=r"another DVC command is at work.*done\.$"),
        said_in_words(),
    ):
        raise LockError("Unable to acquire lock")
