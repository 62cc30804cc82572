"""DVC parses params.yaml once, and again when it has changed."""

from pathlib import Path

import pytest
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import LOADERS, YAMLError, load_yaml

from pipeline.engine.params_cache import parse_params_once


def test_params_are_parsed_again_when_their_content_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(LOADERS, ".yaml", load_yaml)  # restored after the test
    parse_params_once()
    path, local = tmp_path / "params.yaml", LocalFileSystem()
    path.write_text("a: 1")
    first = LOADERS[".yaml"](str(path), fs=local)
    assert LOADERS[".yaml"](str(path), fs=local) is first == {"a": 1}
    path.write_text("a: 2")
    assert LOADERS[".yaml"](str(path), fs=local) == {"a": 2}
    path.write_text("a: [")
    with pytest.raises(YAMLError):
        LOADERS[".yaml"](str(path), fs=local)
    path.write_bytes(b"a: \xff")
    with pytest.raises(Exception, match="is not valid utf-8"):
        LOADERS[".yaml"](str(path), fs=local)
