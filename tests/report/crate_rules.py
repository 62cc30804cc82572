"""What the specification of RO-Crate 1.1 asks of a crate (its sections 3 to 5), checked without its tools."""

import re
from collections.abc import Iterator
from typing import Any

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CRATE = "https://w3id.org/ro/crate/1.1"
DESCRIPTOR = "ro-crate-metadata.json"

Thing = dict[str, Any]


def problems(content: Thing) -> Iterator[str]:
    """What keeps `content` from being an RO-Crate 1.1 (sections 3 to 5 of the specification)."""
    if content.get("@context") != CONTEXT:
        yield f"@context is not {CONTEXT}"
    things = content.get("@graph", [])
    by_id = {thing.get("@id"): thing for thing in things}
    if len(by_id) != len(things) or None in by_id:
        yield "an @id is missing or stands twice"
    for thing in things:
        yield from problems_of(thing, by_id)
    descriptor, root = by_id.get(DESCRIPTOR, {}), by_id.get("./", {})
    if descriptor.get("about") != {"@id": "./"} or descriptor.get("conformsTo") != {"@id": CRATE}:
        yield "the descriptor does not say what it is about, or what it conforms to"
    for key in ("name", "description", "datePublished", "license"):
        if not root.get(key):
            yield f"the root has no {key}"
    if not re.fullmatch(r"\d{4}-\d\d-\d\d(T\S+)?", str(root.get("datePublished"))):
        yield "datePublished is no date of ISO 8601"
    parts = {part["@id"] for part in root.get("hasPart", [])}
    data = {i for i, t in by_id.items() if i != "./" and {"File", "Dataset"} & types(t)}
    for identity in sorted(parts ^ data):
        yield f"{identity} is a data entity or a part of the root, but not both"


def problems_of(thing: Thing, by_id: dict) -> Iterator[str]:
    """Of one entity: types, and that what it refers to is there, or on the web."""
    identity = str(thing.get("@id"))
    if not types(thing):
        yield f"{identity} has no @type"
    if re.search(r"[\s\\]", identity):
        yield f"{identity!r} is no URL"
    if types(thing) == {"Dataset"} and not identity.endswith("/"):
        yield f"{identity} is a folder and does not end in a slash"
    for key, value in thing.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                target = each.get("@id", "")
                if set(each) != {"@id"}:
                    yield f"{identity}: {key} is nested; the graph is flat"
                elif target not in by_id and not target.startswith(("http://", "https://")):
                    yield f"{identity}: {key} refers to {target}, which is not there"


def types(thing: Thing) -> set[str]:
    found = thing.get("@type", [])
    return set(found if isinstance(found, list) else [found])
