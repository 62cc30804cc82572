"""What both engines say to a params.yaml of an earlier version, and that one command mends it."""

from tests.conftest import Project


def test_engines_stop_at_a_missing_family_and_upgrade_mends_it(project: Project):
    file = project.path / "params.yaml"
    text = file.read_text()
    file.write_text(text.replace("    model: gan\n", ""))
    said = project.snakemake("--dry-run", fails=True)
    assert "runs.digits.model is missing (and that of 1 more)" in said
    assert "next: python -m pipeline upgrade" in said
    # DVC reads its own templates before any stage runs; README.md gives these words and the command
    assert "Could not find 'item.model'" in project.run("dvc", "repro", fails=True)
    project.pipeline("upgrade")
    assert file.read_text() == text
    assert "  train digits, line: first run" in project.snakemake("--dry-run")
