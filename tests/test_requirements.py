"""requirements.txt names what pipeline/ imports, in the versions that constraints.txt holds."""

import ast
import re
import sys
from importlib.metadata import packages_distributions

from tests.conftest import ROOT

# distributions that are called, not imported, or that another one of them needs to be told
NOT_IMPORTED = {"ruamel-yaml-clib"}

# of what is installed for those who need it alone
OPTIONAL = "requirements-parquet.txt"


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str) -> dict[str, str]:
    lines = (ROOT / file).read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith(("#", "-r"))]
    return {normal(name): version for name, version in pairs}


def imported() -> set[str]:
    """Distributions of all third-party modules that pipeline/ imports, anywhere in a file."""
    modules = set()
    for path in (ROOT / "pipeline").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                modules |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules.add(node.module)
    known = packages_distributions()
    tops = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    ours = {"ruamel": "ruamel.yaml"}  # a namespace of several distributions
    return {normal(ours.get(top) or known[top][0]) for top in tops - {"pipeline"}}


def test_every_import_is_listed_and_every_listed_package_is_imported():
    listed = set(pinned("requirements.txt")) | set(pinned(OPTIONAL))
    assert listed - NOT_IMPORTED == imported()


def test_the_versions_are_those_that_were_resolved_together():
    resolved = pinned("constraints.txt")
    listed = pinned("requirements.txt") | pinned(OPTIONAL)
    assert listed == {name: resolved[name] for name in listed}
