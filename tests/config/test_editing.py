"""A params file that a command rewrites."""

from pathlib import Path

import pytest

from pipeline.config.editing import write_text
from pipeline.errors import ConfigError


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_line_ends_and_a_link_stay(tmp_path: Path, ends: str):
    file, link = tmp_path / "shared.yaml", tmp_path / "params.yaml"
    file.write_bytes(f"a: 1{ends}b: 2{ends}".encode())
    link.symlink_to(file.name)
    before = link.read_text()
    write_text(link, before.replace("2", "3") + "c: 4\n", before)
    assert link.is_symlink()
    assert file.read_bytes() == f"a: 1{ends}b: 3{ends}c: 4{ends}".encode()


def test_what_another_program_wrote_meanwhile_stays(tmp_path: Path):
    file = tmp_path / "params.yaml"
    file.write_text("a: 2\n")
    with pytest.raises(ConfigError, match="changed by another program"):
        write_text(file, "a: 1\nb: 1\n", before="a: 1\n")
    assert file.read_text() == "a: 2\n"
