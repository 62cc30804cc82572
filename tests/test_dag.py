"""dvc.yaml tells the truth: what a stage lists is what its code imports, reads and writes."""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from pipeline.models import FAMILIES
from pipeline.paths import CONTINUED
from pipeline.report.recorded import STAGES_OF_RUN
from tests.conftest import ROOT, Project

DAG = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
EVERY = {name: stage.get("do", stage) for name, stage in DAG.items()}
# those of continued runs are the same once more: see the test of that
STAGES = {name: stage for name, stage in EVERY.items() if not name.startswith(CONTINUED)}

# Modules that cannot change what a stage writes: a stage does not run again when they change.
NO_INFLUENCE = {
    "pipeline/__init__.py",
    "pipeline/config/__init__.py",
    "pipeline/errors.py",
    "pipeline/evaluation/__init__.py",
    "pipeline/evaluation/plots/__init__.py",
    "pipeline/evaluation/theory/__init__.py",
    "pipeline/sources/__init__.py",
    "pipeline/stages/__init__.py",
    "pipeline/compute/__init__.py",
    "pipeline/models/__init__.py",
    "pipeline/config/models/__init__.py",
}


def module_file(name: str) -> Path | None:
    base = ROOT / Path(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return path
    return None


def imported(path: Path) -> set[str]:
    """Files of this package that `path` imports, anywhere in it, and those that they import."""
    found: set[Path] = set()
    todo = [path]
    while todo:
        current = todo.pop()
        if current in found:
            continue
        found.add(current)
        if current == ROOT / "pipeline/__init__.py":
            continue  # it imports what users ask it for, which no stage does
        for node in ast.walk(ast.parse(current.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            files = [module_file(name) for name in names if name.startswith("pipeline")]
            todo += [file for file in files if file]
    return {str(file.relative_to(ROOT)) for file in found}


def named_by_the_table(family: str) -> set[str]:
    named = [place for place in vars(FAMILIES[family]).values() if ":" in (place or ())]
    files = [module_file(place.partition(":")[0]) for place in named]
    return {file for path in files if path for file in imported(path)}


def behind_links(folder: Path) -> set[str]:
    """Files of another family that `folder`, of a family composed of it, has links to."""
    links = [path for path in folder.rglob("*") if path.is_symlink()]
    assert not any(path.is_dir() for path in links), "DVC does not look behind a link to a folder"
    return {str(path.resolve().relative_to(ROOT)) for path in links}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", sorted(set(STAGES) - {"check"}))
def test_a_stage_depends_on_exactly_the_code_it_imports(name: str, family: str):
    deps = [dep.replace("${item.model}", family) for dep in STAGES[name]["deps"]]
    listed = {dep for dep in deps if dep.startswith("pipeline")}
    needed = imported(ROOT / f"pipeline/stages/{name}.py")
    if "pipeline/models/__init__.py" in needed:  # what the table of families names, it imports, too
        needed |= named_by_the_table(family)
    if "pipeline/evaluation/families/__init__.py" in needed:
        measures = module_file(FAMILIES[family].measured_by)
        assert measures
        needed |= imported(measures)
    needed -= NO_INFLUENCE
    linked = {file for dep in listed for file in behind_links(ROOT / dep)}
    missing = {file for file in needed if not any(Path(file).is_relative_to(dep) for dep in listed)}
    missing -= linked
    unused = {dep for dep in listed if not any(Path(file).is_relative_to(dep) for file in needed)}
    assert not missing, "changing these would leave old results standing"
    assert not unused, "changing these would run the stage for nothing"


def families_in(files: set[str]) -> set[str]:
    return {name for file in files for name in FAMILIES if f"/models/{name}/" in file}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_says_of_which_others_it_is_composed(family: str):
    code = [*(ROOT / f"pipeline/models/{family}").rglob("*.py")]
    uses = families_in({file for path in code for file in imported(path)}) - {family}
    assert set(FAMILIES[family].composed_of) == uses


def test_a_change_in_a_part_reaches_the_family_composed_of_it_and_no_other(tmp_path: Path):
    """DVC hashes a folder through links to files, not through links to folders."""
    project = Project(tmp_path)
    for folder in ("rbm", "dbn/parts", "gan"):
        (tmp_path / folder).mkdir(parents=True)
    part = tmp_path / "rbm/contrastive.py"
    part.write_text("steps = 1\n")
    (tmp_path / "gan/game.py").write_text("steps = 2\n")
    (tmp_path / "dbn/parts/contrastive.py").symlink_to("../../rbm/contrastive.py")
    stages = {name: {"cmd": "true", "deps": [name]} for name in ("rbm", "dbn", "gan")}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    project.run("dvc", "init", "--no-scm", "--quiet")
    project.run("dvc", "repro", "--quiet")
    assert json.loads(project.run("dvc", "status", "--json")) == {}
    part.write_text("steps = 15\n")
    assert set(json.loads(project.run("dvc", "status", "--json"))) == {"rbm", "dbn"}


def test_check_comes_first_and_covers_every_key():
    assert next(iter(STAGES)) == "check"
    assert {"params.yaml", "pipeline/config"} <= set(STAGES["check"]["deps"])


@pytest.mark.parametrize("name", sorted(set(STAGES) - {"check", "table"}))
def test_every_stage_runs_by_hand_under_its_own_name(name: str):
    assert STAGES[name]["cmd"] == f"python -m pipeline {name} ${{key}}"


def test_every_stage_of_a_run_has_a_twin_for_continued_runs():
    groups = {name: stage.get("foreach") for name, stage in DAG.items()}
    assert {name for name, group in groups.items() if group == "${runs}"} == set(STAGES_OF_RUN)
    twins = {name for name, group in groups.items() if group == "${continued}"}
    assert twins == {f"{CONTINUED}{name}" for name in STAGES_OF_RUN}


@pytest.mark.parametrize("name", STAGES_OF_RUN)
def test_a_continued_run_has_the_stages_of_a_run_with_its_own_settings(name: str):
    of_run, continued = STAGES[name], EVERY[f"{CONTINUED}{name}"]
    params = [key.replace("runs.${key}", "continued.${key}") for key in of_run["params"]]
    deps = list(of_run["deps"])
    if name == "train":
        params.insert(0, "continued.${key}.from")
        deps.append("results/${item.from}/model.safetensors")
    assert continued == of_run | {"params": params, "deps": deps}
    assert DAG[f"{CONTINUED}{name}"]["foreach"] == "${continued}"


def test_the_costly_stages_outputs_are_all_cached():
    """Snakemake deletes outputs before a job, and DVC restores only what it caches."""
    uncached = {
        output
        for stage in EVERY.values()
        for kind in ("outs", "metrics", "plots")
        for entry in stage.get(kind, [])
        if isinstance(entry, dict)
        for output, options in entry.items()
        if options.get("cache") is False
    }
    assert uncached == {"results/table.md", "results/table.csv", "results/summary.json"}


def test_the_checkout_has_no_other_stages():
    """The projects that tests make up are not part of this one."""
    said = subprocess.check_output(
        ["dvc", "stage", "list", "--all", "--name-only"], cwd=ROOT, text=True
    )
    groups = {line.partition("@")[0] for line in said.split()}
    assert groups == set(STAGES) - {
        "likelihood"
    }  # params.yaml asks for none, nor for continued runs


def test_the_snakefile_names_no_stage():
    text = (ROOT / "Snakefile").read_text()
    assert not re.search(r"\b(download|normalize|train|sample|parzen|table)\b", text)
    assert len(text.splitlines()) < 60


def test_determinism_is_switched_on_in_one_place():
    """Every stage that computes calls compute.devices.reproducible; no other module touches the switches."""
    switch = re.compile(
        r"set_num_threads|use_deterministic_algorithms|set_deterministic_debug_mode"
    )
    files = (ROOT / "pipeline").rglob("*.py")
    found = {file.relative_to(ROOT).as_posix() for file in files if switch.search(file.read_text())}
    assert found == {"pipeline/compute/devices.py"}
    for name in ("features", "train", "sample", "parzen", "metrics", "figures", "likelihood"):
        assert "devices.reproducible(" in (ROOT / f"pipeline/stages/{name}.py").read_text(), name
