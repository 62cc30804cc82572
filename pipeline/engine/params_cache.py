"""DVC parses params.yaml ten times in a job, and once for each stage of a plan. Here: once.

Every run adds to that file, so among hundreds of runs each parse takes seconds.
"""

from pathlib import Path
from typing import Any

from dvc.fs import LocalFileSystem
from dvc.utils.serialize import LOADERS, EncodingError, load_yaml, parse_yaml


def parse_params_once() -> None:
    """From now on DVC, in this process, parses a YAML file again only if its content has changed."""
    last: dict[str, tuple[str, Any]] = {}  # path -> text, content

    def load(path: str, fs: Any = None, **options: Any) -> Any:
        if not isinstance(fs, LocalFileSystem):  # of a commit, say
            return load_yaml(path, fs=fs, **options)
        try:
            text = Path(path).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise EncodingError(path, "utf-8") from error
        if path not in last or last[path][0] != text:
            last[path] = text, parse_yaml(text, path)
        return last[path][1]

    LOADERS[".yaml"] = load
