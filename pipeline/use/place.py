"""Where a trained model lies: a run's folder, the name of a run, or the file itself."""

from pathlib import Path

from pipeline import paths
from pipeline.errors import RequestError
from pipeline.io.files import has_data_remote

NAME = paths.Run("").model.name


def model_file(where: str | Path) -> Path:
    """The model's file; RequestError if there is none.

    `where`: a .safetensors file, a folder that holds model.safetensors, or the name of a run, whose folder is
    below results/ here.
    """
    path = Path(where).expanduser()
    run = paths.Run(str(where)).model
    found = next((file for file in (path, path / NAME, run) if file.is_file()), None)
    if found is not None:
        return found
    if path.is_dir():
        pull = f"dvc pull {path / NAME}, or " if has_data_remote() else ""
        raise RequestError(f"{path} holds no {NAME}. If it is the folder of a run: {pull}dvc repro")
    raise RequestError(
        f"there is no model at {where}, nor one at {run}: expected the folder of a run, such as results/mnist, "
        f"or the {NAME} in it (looked for from {Path.cwd()})"
    )
