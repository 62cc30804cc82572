"""A params file that a command rewrites."""

from pathlib import Path

import pytest

from pipeline.config.editing import write_text


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_the_line_ends_and_a_link_stay(tmp_path: Path, ends: str):
    file, link = tmp_path / "shared.yaml", tmp_path / "params.yaml"
    file.write_bytes(f"a: 1{ends}b: 2{ends}".encode())
    link.symlink_to(file.name)
    write_text(link, link.read_text().replace("2", "3") + "c: 4\n")
    assert link.is_symlink()
    assert file.read_bytes() == f"a: 1{ends}b: 3{ends}c: 4{ends}".encode()
