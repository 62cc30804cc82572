"""Two files that DVC reads or writes whole for every stage: among hundreds of stages, seconds each.

What comes out is the same, byte for byte; it is only got faster, and dvc.lock at once and whole.
"""

import re
from pathlib import Path
from typing import Any

from dvc.fs import LocalFileSystem
from dvc.repo import Repo
from dvc.stage import PipelineStage
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import LOADERS, EncodingError, dumps_yaml, load_yaml, parse_yaml

from pipeline.engine.locks import LAST_LOCKFILE, LOCKFILE
from pipeline.io.files import write_bytes

STAGES = "stages:\n"
ANCHOR = re.compile(r"[&*]id\d")  # numbered over the whole file


def parse_params_once() -> None:
    """From now on this process parses params.yaml again only if its content has changed.

    DVC does so ten times in a job, and once for each stage of a plan; every run adds to the file.
    """
    last: dict[str, tuple[str, Any]] = {}

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


def record(repo: Repo, stage: PipelineStage) -> None:
    """Write what `stage` has read and made into dvc.lock; DVC's lock must be held.

    DVC rewrites the whole file in place while all other jobs wait; entries stand side by side, so
    one can be replaced alone.
    """
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
