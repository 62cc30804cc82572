"""An RO-Crate of this folder: what dvc.lock records, as JSON-LD that archives and other tools read.

RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) with the profile Process Run Crate 0.5: each stage that has run is a
CreateAction, with its command as instrument, what it read and the settings it ran with as objects, what it made as
results.
"""

import json
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline import __version__, paths
from pipeline.config.params import load, read
from pipeline.errors import DataError
from pipeline.io import costs, header, machine
from pipeline.io.files import write_json
from pipeline.report.recorded import Entry, Recorded, of_this_folder
from pipeline.report.settings import flat

NAME = Path("ro-crate-metadata.json")
CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CRATE = "https://w3id.org/ro/crate/1.1"
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
LICENCE = "https://spdx.org/licenses/MIT"
PIPELINE = "#gan-pipeline"
ENCODINGS = {
    ".csv": "text/csv",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".py": "text/x-python",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
}
MADE_WITH = ("torch", "device", "threads", "precision", "code")  # of a model's metadata

Thing = dict[str, Any]


def write(out: Path = NAME) -> int:
    """Write the crate, of what params.yaml names, to `out`; returns the number of stages in it. DataError if none has
    run."""
    recorded = of_this_folder().asked_for(read(paths.PARAMS))
    if not recorded.entries:
        raise DataError(
            "nothing has run here, so there is nothing to say. Next: snakemake --cores all"
        )
    write_json(out, crate(recorded))
    return len(recorded.entries)


def crate(recorded: Recorded) -> Thing:
    """The content of ro-crate-metadata.json."""
    actions = [thing for name, entry in recorded.entries.items() for thing in action(name, entry)]
    files = list(files_of(recorded))
    head = git("log", "-1", "--format=%H %cI").split()
    root: Thing = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"Results of {Path.cwd().name}",
        "description": "Generative adversarial nets and their rivals, trained, measured and compared by gan-pipeline",
        # the commit's, so that the same commit gives the same crate
        "datePublished": head[1] if head else "1970-01-01",
        "license": ref(LICENCE),
        "conformsTo": ref(PROFILE),
        "hasPart": [ref(thing["@id"]) for thing in files],
        "mentions": [ref(thing["@id"]) for thing in actions if thing["@type"] == "CreateAction"],
    }
    descriptor = {
        "@id": NAME.name,
        "@type": "CreativeWork",
        "conformsTo": ref(CRATE),
        "about": ref("./"),
    }
    profile = {
        "@id": PROFILE,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    graph = [descriptor, root, profile, licence(LICENCE, "MIT"), *software(head)]
    graph += [*files, *sources(), *actions]
    return {"@context": CONTEXT, "@graph": list({thing["@id"]: thing for thing in graph}.values())}


def software(head: list[str]) -> Iterator[Thing]:
    """This project at its commit, and what it ran on."""
    dependencies = costs.versions()
    yield {
        "@id": PIPELINE,
        "@type": ["SoftwareApplication", "SoftwareSourceCode"],
        "name": "gan-pipeline",
        "version": f"{__version__}, commit {head[0]}" if head else __version__,
        "license": ref(LICENCE),
        "softwareRequirements": [ref(f"#{name}") for name in dependencies],
        "processorRequirements": machine.processor(),
        "operatingSystem": f"{platform.system()} {platform.machine()}",
    }
    for name, version in dependencies.items():
        yield {
            "@id": f"#{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "version": version,
        }


def files_of(recorded: Recorded) -> Iterator[Thing]:
    """Every file or folder that a stage has read or made, with the MD5 that dvc.lock records."""
    seen: dict[str, str] = {}
    for entry in recorded.entries.values():
        seen |= entry.deps | entry.outs
    about = {str(paths.Dataset(name).raw): name for name in load(paths.PARAMS).datasets}
    for path, md5 in sorted(seen.items()):
        is_folder = Path(path).is_dir() or md5.endswith(".dir")
        thing: Thing = {
            "@id": url(path, is_folder),
            "@type": "Dataset" if is_folder else "File",
            "name": path,
            "identifier": f"md5:{md5.removesuffix('.dir')}",
        }
        if not is_folder:
            thing["encodingFormat"] = ENCODINGS.get(Path(path).suffix, "application/octet-stream")
        if not is_folder and Path(path).is_file():
            thing["contentSize"] = str(Path(path).stat().st_size)
        if path in about:
            thing["license"] = ref(f"#licence-{about[path]}")
            thing["isBasedOn"] = ref(f"#source-{about[path]}")
        if path.endswith("/model.safetensors"):
            made = header.about(Path(path))
            words = [f"{key} {made[key]}" for key in MADE_WITH if key in made]
            thing["description"] = ", ".join(["trained model", *words])
        yield thing


def sources() -> Iterator[Thing]:
    """Where each dataset came from, and under which licence."""
    for name, dataset in load(paths.PARAMS).datasets.items():
        licence_words = str(dataset.source.licence)
        source: Thing = {
            "@id": f"#source-{name}",
            "@type": "CreativeWork",
            "name": str(dataset.source.name),
            "license": ref(f"#licence-{name}"),
        }
        try:
            found = json.loads(paths.Dataset(name).provenance.read_text(encoding="utf-8"))
            source["description"] = json.dumps(found, sort_keys=True)
        except (OSError, ValueError):
            pass
        yield source
        yield licence(f"#licence-{name}", licence_words)


def licence(identity: str, words: str) -> Thing:
    return {"@id": identity, "@type": "CreativeWork", "name": words, "description": words}


def action(name: str, entry: Entry) -> Iterator[Thing]:
    """A stage that has run, and the settings that it ran with."""
    settings = flat({key: value for key, value in entry.params.items()})
    identity = f"#{quote(name, safe='@')}"
    values: list[Thing] = [
        {
            "@id": f"{identity}-{quote(key)}",
            "@type": "PropertyValue",
            "name": key,
            "value": value if isinstance(value, str | int | float) else json.dumps(value),
        }
        for key, value in settings.items()
    ]
    yield {
        "@id": identity,
        "@type": "CreateAction",
        "name": name.removeprefix(paths.CONTINUED).replace("@", " "),
        "actionStatus": ref("http://schema.org/CompletedActionStatus"),
        "instrument": ref(PIPELINE),
        "object": [*(ref(url(p, is_folder(p, m))) for p, m in entry.deps.items())]
        + [ref(value["@id"]) for value in values],
        "result": single([ref(url(p, is_folder(p, m))) for p, m in entry.outs.items()]),
        **measured(name),
    }
    yield from values


def single(things: list[Thing]) -> Thing | list[Thing]:
    """A property of one value is written without a list."""
    return things[0] if len(things) == 1 else things


def measured(name: str) -> Thing:
    """On which processor a model was trained, where that is known here."""
    stage, _, run = name.partition("@")
    files = paths.Run(run)
    if stage.removeprefix(paths.CONTINUED) != "train" or not files.model.is_file():
        return {}
    found = costs.read(files.costs, files.model) or {}
    return {"description": f"trained on {found['processor']}"} if "processor" in found else {}


def is_folder(path: str, md5: str) -> bool:
    return Path(path).is_dir() or md5.endswith(".dir")


def url(path: str, folder: bool) -> str:
    """Relative to the crate; folders end in a slash."""
    return quote(path) + ("/" if folder else "")


def ref(identity: str) -> Thing:
    return {"@id": identity}


def git(*arguments: str) -> str:
    """What Git prints; empty outside of a repository."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
