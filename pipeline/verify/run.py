"""Run a recipe in a clone of its own, and hold what comes out against what is recorded."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline import paths
from pipeline.config.explain import close_to
from pipeline.config.params import load, read
from pipeline.errors import PipelineError
from pipeline.report.recorded import LOCKFILE, parse
from pipeline.verify import compare, content, expected, kinds
from pipeline.verify.content import Content
from pipeline.verify.expected import Expected

RECIPES = Path("recipes")
# They repeat the settings with this version's defaults, and the digest of the code.
NOT_COMPARED = ("params.json", "card.md")
DEFAULT = "default"  # params.yaml as it is committed


class VerifyError(PipelineError):
    """A recipe cannot be verified, or gave something else than is recorded."""


def verify(name: str, folder: Path | None, record: bool) -> None:
    """Print a line for each output of the recipe `name`; VerifyError if one differs from what this kind of processor
    has given before.

    `folder`: where it has run already, instead of a clone; `record`: write what came out as what is expected.
    """
    recipe = recipe_named(name)
    if folder is not None:
        judge(name, recipe, folder, record)
        return
    with clone() as scratch:
        reproduce(recipe, scratch)
        judge(name, recipe, scratch, record)


def recipe_named(name: str) -> Path:
    """Its file; VerifyError lists those that there are."""
    path = paths.PARAMS if name == DEFAULT else RECIPES / f"{name}.yaml"
    if not path.is_file():
        known = [DEFAULT, *sorted(each.stem for each in RECIPES.glob("*.yaml"))]
        raise VerifyError(
            f"there is no recipe {name!r}{close_to(name, known)}; there are: {', '.join(known)}"
        )
    return path


@contextmanager
def clone() -> Iterator[Path]:
    """A folder with the commit that is checked out; it is kept where the block fails."""
    changed = git("status", "--porcelain")
    if changed:
        print(
            f"note: {len(changed.splitlines())} changed file(s) are not committed and not in the clone that is run",
            file=sys.stderr,
        )
    home = Path(tempfile.mkdtemp(prefix="verify-"))
    try:
        git("clone", "--quiet", "--no-hardlinks", str(Path.cwd()), str(home / "clone"))
    except BaseException:
        shutil.rmtree(home)
        raise
    try:
        yield home / "clone"
    except BaseException:
        print(f"what came out is in {home / 'clone'}; delete it when done", file=sys.stderr)
        raise
    shutil.rmtree(home)


def reproduce(recipe: Path, scratch: Path) -> None:
    """Run `recipe` in `scratch`, with an empty cache: nothing may come from an earlier run."""
    (scratch / LOCKFILE).unlink(missing_ok=True)
    shutil.copy(recipe, scratch / paths.PARAMS)
    config = scratch / ".dvc/config.local"
    config.write_text(f"[cache]\n    dir = {scratch / '.dvc/cache'}\n", encoding="utf-8")
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("DVC", "PIPELINE_", "SNAKEMAKE", "MAKE", "MFLAGS"))
    }
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--cores", "all"],
        cwd=scratch,
        env=inherited | {"PATH": programs},
        check=False,
    )
    if done.returncode:
        raise VerifyError(f"{recipe} did not run to its end; its message is above")


def judge(name: str, recipe: Path, folder: Path, record: bool) -> None:
    """Compare, or record, what `recipe` has left in `folder`."""
    found = outputs(folder, recipe)
    kind = kinds.ANY if is_portable(recipe) else kinds.of_this_machine()
    here = expected.made_here(kind, commit_of(folder), recipe, found)
    path = expected.place(name, kind)
    if record:
        expected.write(path, here)
        print(f"{path}: {len(found)} outputs recorded, of {here.processor}")
        return
    known = expected.recorded(name)
    if not known:
        raise VerifyError(
            f"nothing is recorded of {name}. Next: python -m pipeline verify {name} --record"
        )
    there = expected.read(known.get(kind) or nearest(known))
    why = doubts(here, there)
    changed = here.settings != there.settings
    print(f"{name} at {here.commit or 'no commit'} on {kind} ({here.processor})")
    print(f"expected: as at {there.commit or 'no commit'} on {there.kind} ({there.processor})")
    for line in [*why, *(["the recipe has changed since"] if changed else [])]:
        print(f"note: {line}")
    verdicts = list(compare.verdicts(found, there.outputs))
    width = max(len(each.path) for each in verdicts)
    for each in verdicts:
        print(f"  {each.path:{width}}  {each.words}")
    others = [each for each in verdicts if not each.same]
    bits = sum(each.bits for each in verdicts)
    print(
        f"{len(verdicts)} outputs: {bits} the same bits, {len(verdicts) - bits - len(others)} the same numbers, "
        f"{len(others)} different"
    )
    if others and not why:
        raise VerifyError(
            f"{len(others)} of {len(verdicts)} outputs of {name} differ from what {there.kind} has given with the "
            f"same versions: {', '.join(each.path for each in others[:3])}. If the code or the recipe was changed on "
            f"purpose: python -m pipeline verify {name} --record"
        )


def outputs(folder: Path, recipe: Path) -> dict[str, Content]:
    """Every output of `recipe` that dvc.lock of `folder` records, of folders each file; VerifyError if one is
    missing."""
    lock = folder / LOCKFILE
    if not lock.is_file():
        raise VerifyError(f"{lock} is missing: nothing has run there. Next: snakemake --cores all")
    found: dict[str, Content] = {}
    for name in parse(lock.read_bytes(), str(lock)).asked_for(read(recipe)).outs():
        path = folder / name
        if not path.exists():
            raise VerifyError(f"{path} is recorded but not there. Next: snakemake --cores all")
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.startswith(".") and file.name not in NOT_COMPARED:
                found[file.relative_to(folder).as_posix()] = content.of(file)
    return dict(sorted(found.items()))  # whatever the order in which engines recorded them


def is_portable(recipe: Path) -> bool:
    """Whether all its runs ask for the same bits on every processor."""
    return all(run.train.reproducible == "anywhere" for run in load(recipe).every_run.values())


def nearest(known: dict[str, Path]) -> Path:
    """Of the same maker where there is one."""
    maker = kinds.of_this_machine().partition("-")[0]
    own = (path for kind, path in known.items() if kind.startswith(maker))
    return next(own, next(iter(known.values())))


def doubts(here: Expected, there: Expected) -> list[str]:
    """Why other bits would be no fault: another processor, other versions."""
    found = []
    if here.kind != there.kind:
        found.append(
            f"nothing is recorded of processors of the kind {here.kind}: numbers are compared, and another one "
            "may round to others"
        )
    changed = [
        f"{name} {there.versions.get(name, 'none')}, here {here.versions.get(name, 'none')}"
        for name in dict.fromkeys([*there.versions, *here.versions])
        if here.versions.get(name) != there.versions.get(name)
        and not (here.kind == kinds.ANY and name in kinds.WITHOUT_INFLUENCE)
    ]
    if changed:
        found.append(f"other versions: {'; '.join(changed)}")
    return found


def commit_of(folder: Path) -> str:
    """Empty outside of Git."""
    command = ["git", "-C", str(folder), "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def git(*arguments: str) -> str:
    """What it prints; VerifyError if this is no repository."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise VerifyError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
