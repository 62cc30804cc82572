"""The package `pipeline` under a name that no folder of yours hides: `from gan_pipeline import load`.

Python finds a folder `pipeline/` of your own before the installed package of that name. So the modules of ours
are loaded once more, as gan_pipeline.*, and what they import from `pipeline` they get from there.
"""

import builtins
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = Path(__file__).resolve().parents[1] / "pipeline"
HERE = __name__


def _import(name: str, *arguments: Any, **named: Any) -> ModuleType:
    """Python's `__import__`, for modules of ours."""
    top, dot, rest = name.partition(".")
    ours = f"{HERE}{dot}{rest}" if top == "pipeline" else name
    return builtins.__import__(ours, *arguments, **named)


class _Loader(SourceFileLoader):
    """Runs a module's code with an `import` that finds `pipeline` here."""

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import}
        super().exec_module(module)


class _Finder:
    """Finds gan_pipeline.X where pipeline.X is."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        if not name.startswith(f"{HERE}."):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec


__path__ = [str(Path(__file__).parent), str(OURS)]
sys.meta_path.insert(0, _Finder)
_Loader(HERE, str(OURS / "__init__.py")).exec_module(sys.modules[HERE])  # __version__ and load
