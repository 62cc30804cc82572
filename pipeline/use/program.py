"""Self-contained programs: a model that runs without this project, in PyTorch (.pt2) or in an ONNX runtime."""

import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import RequestError
from pipeline.io.costs import digest
from pipeline.use.model import Model
from pipeline.use.spaces import Space

# Shapes: N images, Z numbers of a point of the latent space; images are NCHW.

ONNX_PACKAGES = ("onnx", "onnxscript")
EXAMPLES = 2  # points that the exporter sees; the program takes any number from 1 on


class Program(nn.Module):
    """Points [N, Z], of a conditional model labels [N], too -> images [N, C, H, W] in [-1, 1]."""

    def __init__(self, space: Space):
        super().__init__()
        self.net = space.net  # its weights become the program's
        self.decode = space.decode

    def forward(self, z: Tensor, label: Tensor | None = None) -> Tensor:
        return self.decode(z, label)


def about(model: Model) -> dict[str, Any]:
    """What somebody needs to know who has nothing but the program."""
    space = space_of(model)
    return {
        "inputs": {"z": ["N", space.dim]} | ({"label": ["N"]} if model.class_names else {}),
        "output": ["N", *model.image_shape],
        "range": [-1, 1],
        "prior": {"name": space.prior, "std": space.std},
        "class_names": model.class_names,
        "weights": model.weights,
        "steps": model.about["steps"],
        "seed": model.about["seed"],
        "model_sha256": digest(model.file),
    }


def pt2(model: Model) -> bytes:
    """A program of torch.export; torch.export.load reads it. Gives exactly what `model.decode` gives."""
    program, example, dynamic = ready(model)
    with exporting():
        exported = torch.export.export(program, example, dynamic_shapes=dynamic)
    buffer = io.BytesIO()
    torch.export.save(exported, buffer, extra_files={"about.json": json.dumps(about(model))})
    return buffer.getvalue()


def onnx(model: Model) -> bytes:
    """An ONNX file, for any runtime of that format; RequestError without the packages that write it."""
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise RequestError(
            f"ONNX needs {' and '.join(missing)}, which this environment lacks. Install with: "
            "pip install -r requirements-onnx.txt -c constraints.txt; or export .pt2, which needs nothing"
        )
    program, example, dynamic = ready(model)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with exporting():
        exported = torch.onnx.export(
            program,
            example,
            dynamo=True,
            dynamic_shapes=dynamic,
            input_names=["z", "label"][: len(example)],
            output_names=["images"],
            verbose=False,
        )
    assert exported is not None
    proto = exported.model_proto
    entry = proto.metadata_props.add()
    entry.key, entry.value = "about", json.dumps(about(model))
    return proto.SerializeToString()


@contextmanager
def exporting() -> Iterator[None]:
    """Inside, torch's exporter works in a process that has trained, and is silent on its own deprecations.

    It asks whether cuDNN may round to TF32, which torch cannot say after devices.reproducible has set it for
    convolutions alone.
    """
    cudnn: Any = torch.backends.cudnn
    convolutions, others = cudnn.conv.fp32_precision, cudnn.rnn.fp32_precision
    cudnn.allow_tf32 = False
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    finally:
        cudnn.allow_tf32 = others == "tf32"
        cudnn.conv.fp32_precision = convolutions


def ready(model: Model) -> tuple[Program, tuple[Tensor, ...], dict[str, dict[int, Any]]]:
    """The program, inputs to trace it with, and which of their axes may have any length."""
    space = space_of(model)
    any_number = torch.export.Dim("N", min=1)
    example: tuple[Tensor, ...] = (model.latent(EXAMPLES),)
    dynamic: dict[str, Any] = {"z": {0: any_number}}
    if model.class_names:
        example = (*example, torch.arange(EXAMPLES) % len(model.class_names))
        dynamic["label"] = {0: any_number}
    return Program(space).eval(), example, dynamic


def space_of(model: Model) -> Space:
    """RequestError for a model that no function of points of a space stands for."""
    if model.space is None:
        raise RequestError(
            f"{model.file}, of family {model.family}, draws with chance at every step, so no program of a "
            "point can be exported: gan and flow models can"
        )
    if model.space.chance:
        raise RequestError(
            f"{model.file} has noise or dropout in G's layers when it samples (noise_when_sampling, "
            "dropout_when_sampling), so its images are no function of a point: there is nothing to export"
        )
    # DataError if it has diverged
    model.decode(model.latent(1), label=0 if model.class_names else None)
    return model.space
