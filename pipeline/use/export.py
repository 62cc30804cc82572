"""export: a model as a file that works without this project."""

from collections.abc import Callable
from pathlib import Path

from pipeline.errors import RequestError
from pipeline.io.files import write_bytes
from pipeline.use import play, program
from pipeline.use.model import Model

# ending -> what it is, and how it is made
KINDS: dict[str, tuple[str, Callable[[Model], bytes]]] = {
    ".pt2": ("a program of torch.export", program.pt2),
    ".onnx": ("an ONNX model", program.onnx),
    ".html": ("a page to play with the latent space, offline", play.page),
}


def export(model: Model, out: Path | None) -> str:
    """Write the kind of file that the ending of `out` says, RUN.pt2 if None; returns a sentence about it."""
    out = out or Path(f"{model.name}.pt2")
    if out.suffix not in KINDS:
        kinds = ", ".join(f"{ending} ({what})" for ending, (what, _) in KINDS.items())
        raise RequestError(f"--out {out}: expected a name that ends in one of {kinds}")
    what, make = KINDS[out.suffix]
    content = make(model)
    write_bytes(out, content)
    return (
        f"{what[0].upper()}{what[1:]}, of {model.file} ({model.weights} weights): {out}, "
        f"{len(content) / 1e6:,.1f} MB"
    )
