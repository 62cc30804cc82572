"""Where results come from: commit, versions, digests of the data and of the models."""

import datetime
import json
import subprocess
from pathlib import Path
from typing import Any

from pipeline import __version__, paths
from pipeline.report.recorded import Recorded
from pipeline.report.runs import Facts

Pairs = list[tuple[str, str]]


def of_page() -> dict[str, str]:
    """When and in which state of the code the page was written."""
    now = datetime.datetime.now()
    return {
        "at": f"{now.day} {now:%B %Y, %H:%M}",
        "iso": now.isoformat(timespec="minutes"),
        "folder": Path.cwd().name,
        "version": __version__,
        "commit": commit(),
    }


def commit() -> str:
    """Hash, branch, and whether files differ from it; empty outside of Git."""
    head = git("rev-parse", "--short", "HEAD")
    if not head:
        return ""
    branch = git("rev-parse", "--abbrev-ref", "HEAD")
    changed = git("status", "--porcelain", "--untracked-files=no")
    count = len(changed.splitlines())
    state = f", {count} file{'s' if count > 1 else ''} changed since" if changed else ""
    return f"{head} ({branch}{state})"


def git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def of_dataset(name: str, recorded: Recorded) -> tuple[str, Pairs]:
    """Source and checksums of a dataset, as dvc.lock records them."""
    files, outs = paths.Dataset(name), recorded.outs()
    try:
        source = json.loads(files.provenance.read_text(encoding="utf-8")).get("source", "")
    except (OSError, ValueError, AttributeError):
        source = ""
    pairs = [
        ("source", str(source)),
        *(
            (f"MD5 of {path}", outs.get(str(path), ""))
            for path in (files.raw, files.normalized, files.extractor)
        ),
    ]
    return name, [(key, value) for key, value in pairs if value]


def of_model(name: str, fact: Facts, recorded: Recorded) -> Pairs:
    """What made a run's model, and its checksum."""
    about: dict[str, Any] = fact.about
    files = paths.Run(name)
    pairs = [
        *((key, about.get(key)) for key in ("torch", "device", "threads", "precision")),
        ("digest of the code", about.get("code")),
        ("seed", fact.run.seed),
        *(
            (f"MD5 of {path.name}", recorded.outs().get(str(path)))
            for path in (files.model, files.samples)
        ),
    ]
    return [(key, str(value)) for key, value in pairs if value is not None]
