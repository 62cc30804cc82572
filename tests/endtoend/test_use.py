"""docs/use.md as a reader types it: a project with trained models, and a second one in another folder."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from ruamel.yaml import YAML

from pipeline import load
from tests.conftest import ROOT, Project, environment, new_project
from tests.endtoend.conftest import commands

PAGE = (ROOT / "docs/use.md").read_text()
SECTIONS = {part.partition("\n")[0]: part for part in PAGE.split("\n## ")}
OTHER = "From another project"  # the section whose commands are another project's
# the runs of the page -> those of the test
RUNS = {"cmnist": "told", "mnist": "digits"}
# (command, what is run for it)
FILLED_IN = {
    "pip install ../gan-pipeline": (
        "pip install --quiet --no-deps --no-build-isolation --target ../site ../gan-pipeline"
    ),
    "pip install -r requirements-onnx.txt -c constraints.txt": (
        "pip install --quiet --dry-run --no-deps -r requirements-onnx.txt -c constraints.txt"
    ),
    "gto register digits --version v1.0.0": (
        "cd ../gan-pipeline && gto register digits --version v1.0.0"
    ),
    "gto show": "cd ../gan-pipeline && gto show | grep v1.0.0",
}


read_yaml = YAML(typ="safe").load


def here(text: str) -> str:
    """`text` of the page with the runs of the test."""
    for name, ours in RUNS.items():
        text = text.replace(name, ours)
    return text


def python(section: str) -> str:
    return here("\n".join(re.findall(r"```python\n(.*?)```", SECTIONS[section], re.DOTALL)))


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with a trained `digits`, and `told`, which is conditional; its results are in a remote."""
    project = new_project(tmp_path_factory.mktemp("use") / "gan-pipeline", "recipes/quick.yaml")
    for file in (
        "pyproject.toml",
        "constraints.txt",
        *(p.name for p in ROOT.glob("requirements*")),
    ):
        shutil.copy2(ROOT / file, project.path / file)
    params = read_yaml((project.path / "params.yaml").read_text())
    digits = params["runs"]["digits"]
    digits["train"] |= {"steps": 60, "log_steps": 30, "grid_steps": 60}
    told = {**digits, "train": digits["train"] | {"conditional": {}}}
    params["runs"] = {"digits": digits, "told": told}
    (project.path / "params.yaml").write_text(json.dumps(params))  # JSON is YAML
    project.edit(
        "dvc.yaml", "  mnist:\n    path: results/mnist/", "  digits:\n    path: results/digits/"
    )
    project.run("dvc", "repro", "--quiet", "sample@digits", "sample@told")
    project.run("dvc", "remote", "add", "--default", "team", str(project.path.parent / "remote"))
    project.commit("results")
    project.run("dvc", "push", "--quiet")
    return project


@pytest.fixture(scope="module")
def second(first: Project) -> Project:
    """Another project, beside the first, whose environment has ours installed."""
    path = first.path.parent / "second"
    path.mkdir()
    project = Project(path)
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.run("dvc", "init", "--quiet")
    project.run("bash", "-c", FILLED_IN["pip install ../gan-pipeline"])
    return project


def run(project: Project, *command: str) -> str:
    """In an environment into which ours is installed, as it stands in a package."""
    site = {"PYTHONPATH": str(project.path.parent / "site")}
    done = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, env=environment() | site
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


def test_the_exceptions_are_commands_of_the_page():
    assert set(FILLED_IN) <= set(commands(here(PAGE)))


def test_what_the_page_says_in_python_is_true(first: Project, second: Project):
    """From another folder, `import torch` warns of a package that dvclive brings; that is no concern here."""
    checks = (
        "assert images.shape == (16, 1, 8, 8) and images.abs().max() <= 1\n"
        "assert len(pictures) == 16\n"
        "assert between.shape == straight.shape == (9, 1, 8, 8)\n"
        "assert threes.shape[0] == 8 and rows.shape[0] == 20 and some.shape[0] == 3\n"
    )
    run(first, sys.executable, "-c", python("In Python") + checks)
    with Image.open(first.path / "sixteen.png") as sheet:
        assert sheet.width == sheet.height
    drawn = np.load(first.path / "results/digits/samples.npy")[:16]
    np.testing.assert_allclose(
        load(first.path / "results/digits").sample(16, seed=0).numpy(), drawn, atol=1e-5
    )


def test_the_commands_on_this_projects_models_work(first: Project, second: Project):
    for command in commands(
        here(SECTIONS["On the command line"] + SECTIONS["Without this project"])
    ):
        run(first, "bash", "-c", FILLED_IN.get(command, command))
    assert len(list((first.path / "five").glob("*.png"))) == 5
    assert np.load(first.path / "more.npy").shape == (5000, 1, 8, 8)
    for file in ("digits.png", "classes.png", "around.gif", "ways.png"):
        with Image.open(first.path / file) as picture:
            assert picture.width > 100
    run(first, sys.executable, "-c", python("Without this project") + "assert len(images) == 16\n")
    for file in ("digits.html", "digits.onnx"):
        assert (first.path / file).stat().st_size > 100_000


def test_samples_are_measured_beside_a_dataset(first: Project, second: Project):
    first.run("dvc", "repro", "--quiet", "features@digits")
    for command in commands(here(SECTIONS["Measure your own samples"])):
        run(first, "bash", "-c", command)
    measured = json.loads((first.path / "mine.json").read_text())
    assert measured["n_samples"] == measured["metrics"]["compared"]["n_fake"] == 500


def test_another_project_draws_from_a_model_of_this_one_by_every_way(
    first: Project, second: Project
):
    for command in commands(here(SECTIONS[OTHER])):
        run(second, "bash", "-c", FILLED_IN.get(command, command))
    model = (first.path / "results/digits/model.safetensors").read_bytes()
    for file in ("copied.safetensors", "digits.safetensors", "released.safetensors"):
        assert (second.path / file).read_bytes() == model
    record = read_yaml((second.path / "digits.safetensors.dvc").read_text())
    assert record["deps"][0]["path"] == "results/digits/model.safetensors"
    with Image.open(second.path / "digits.png") as sheet:
        assert sheet.width > 100
    checks = "assert len(content) > 100_000 and settings['steps'] == 60\n"
    run(second, sys.executable, "-c", python(OTHER) + checks)


LIGHT = """
import sys
from pipeline.cli import main
assert main(["draw", "light.safetensors", "--out", "light.png"]) == 0
heavy = {"dvc", "snakemake", "torch_fidelity", "torchvision", "dvclive", "sklearn", "scmrepo", "jinja2"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
"""


def test_a_light_installation_is_enough_and_serves_beside_a_folder_pipeline(
    first: Project, second: Project
):
    shutil.copy2(first.path / "results/digits/model.safetensors", second.path / "light.safetensors")
    run(second, sys.executable, "-c", LIGHT)
    (second.path / "pipeline").mkdir()
    (second.path / "pipeline/__init__.py").write_text("raise SystemExit('mine')\n")
    try:
        run(
            second,
            sys.executable,
            "-m",
            "gan_pipeline",
            "draw",
            "light.safetensors",
            "--out",
            "a.npy",
        )
        run(
            second,
            sys.executable,
            "-m",
            "gan_pipeline",
            "export",
            "light.safetensors",
            "--out",
            "a.html",
        )
    finally:
        shutil.rmtree(second.path / "pipeline")
    expected = load(first.path / "results/digits").sample(100).numpy()
    np.testing.assert_allclose(np.load(second.path / "a.npy"), expected, atol=1e-6)
    assert "The latent space of" in (second.path / "a.html").read_text()


def test_the_notebook_runs_offline(first: Project, second: Project):
    cells = json.loads((ROOT / "docs/use.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert all(cell.get("outputs", []) == [] for cell in cells)
    said = run(first, sys.executable, "-c", here("\n\n".join(code)))
    assert "latent space: 32 dimensions, gaussian" in said


def test_artifacts_are_models_of_runs():
    dag = read_yaml((ROOT / "dvc.yaml").read_text())
    runs = read_yaml((ROOT / "params.yaml").read_text())["runs"]
    for name, artifact in dag["artifacts"].items():
        assert name in runs
        assert Path(artifact["path"]) == Path(f"results/{name}/model.safetensors")
