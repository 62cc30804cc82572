"""A project's folder for `new`, and what a refusal is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the default params.yaml."""
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def assert_refused(here: Path, capsys) -> Callable[[Callable[[], int], str, str], None]:
    """That a command says in a few lines what is wrong and what to do, and leaves params.yaml as it is."""

    def check(command: Callable[[], int], what: str, remedy: str) -> None:
        before = (here / "params.yaml").read_bytes()
        assert command() == 1
        said = capsys.readouterr().err
        assert what in said and remedy in said and len(said.splitlines()) < 6
        assert (here / "params.yaml").read_bytes() == before

    return check
