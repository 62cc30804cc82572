"""dvc.lock: one stage's entry is replaced, without DVC rewriting the whole file in place.

The file has the same bytes as if DVC had written it. Among hundreds of stages it is faster (DVC
takes seconds while all other jobs wait), and the file is replaced atomically.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML

from pipeline.engine.locks import TEMPORARY
from pipeline.errors import DataError
from pipeline.io.files import reading, write_bytes
from pipeline.io.nesting import check_nesting

# imported where it is used: every command reads this module, and an installation for loading models has no DVC
if TYPE_CHECKING:
    from dvc.repo import Repo
    from dvc.stage import PipelineStage

LOCKFILE = Path("dvc.lock")
LAST_LOCKFILE = TEMPORARY / "dvc.lock.last"  # copy of the last one that was valid
STAGES = "stages:\n"
HASH = "md5"  # the only one that DVC computes of files on disk
ANCHOR = re.compile(r"[&*]id\d")  # numbered over the whole file


def record(repo: "Repo", stage: "PipelineStage") -> None:
    """Write what `stage` has read and made into dvc.lock; DVC's lock must be held."""
    from dvc.stage.serialize import to_lockfile
    from dvc.utils.serialize import dumps_yaml

    entry = dumps_yaml({"stages": to_lockfile(stage)}).removeprefix(STAGES)
    before = LOCKFILE.read_text(encoding="utf-8") if LOCKFILE.exists() else ""
    after = replaced(before, entry)
    if after is None:
        stage.dump(update_pipeline=False)
        return
    for path in (LAST_LOCKFILE, LOCKFILE):
        write_bytes(path, after.encode())
    repo.scm_context.track_file(str(LOCKFILE))


def replaced(text: str, entry: str) -> str | None:
    """The lock file `text` with `entry` in the place of the former one or at its end.

    None if it is not laid out as DVC writes it; then DVC has to.
    """
    head, separator, entries = text.partition(f"\n{STAGES}")
    name, _, _ = entry.partition("\n")
    if (
        not separator
        or not re.fullmatch(r"  [\w@.-]+:", name)
        or not re.fullmatch(r"(?:  .*\n)+", entries)
        or ANCHOR.search(text)
        or ANCHOR.search(entry)
    ):
        return None
    former = re.compile(rf"^{re.escape(name)}\n(?:    .*\n)*", re.MULTILINE)
    if found := former.search(entries):
        entries = entries[: found.start()] + entry + entries[found.end() :]
    else:
        entries += entry
    return head + separator + entries


def is_valid(content: bytes) -> bool:
    """Whether DVC can read `content` as a dvc.lock."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA

    try:
        with reading(LOCKFILE, "lock file of DVC"):
            check_nesting(content)
            found = COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content))
            return "stages" in found and all(map(names_its_hash, found["stages"].values()))
    except DataError:
        return False


def names_its_hash(stage: dict) -> bool:
    """Whether every file's digest is said to be MD5: a file cut off in the middle of that word is valid YAML."""
    files = [*stage.get("deps", ()), *stage.get("outs", ())]
    return all(file.get("hash", HASH) == HASH for file in files)
