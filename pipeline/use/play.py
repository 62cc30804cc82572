"""One HTML page to play with a latent space, offline: the weights of G, and G's forward pass in JavaScript."""

import base64
import html
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.config.models.gan import nets as settings
from pipeline.errors import RequestError
from pipeline.models.common.layers import Hidden
from pipeline.models.gan.nets.mlp import MlpGenerator
from pipeline.models.gan.sampling import SymmetricGenerator
from pipeline.use.model import Model
from pipeline.use.program import about, space_of

# Shapes: Z noise, I inputs and O outputs of a layer, K classes.

TEMPLATE = Path(__file__).with_name("templates") / "play.html"
MOST_BYTES = 48 * 2**20  # of weights, in float32; a page is a third larger
SLIDERS = 12  # directions of the latent space, at most


def page(model: Model) -> bytes:
    """The page as HTML; RequestError for a model that it cannot run."""
    G = generator(model)
    body = G.net.body
    assert isinstance(body, MlpGenerator)
    net = G.train_settings.generator
    assert isinstance(net, settings.MlpGenerator)
    layers = [
        hidden(layer, activation, model)
        for layer, activation in zip(body.hidden, net.activations, strict=True)
    ]
    layers.append(affine(body.last))
    first, embedding = body.hidden[0], G.net.embedding
    assert isinstance(first, Hidden) and isinstance(first.linear, nn.Linear)
    size = 4 * sum(tensor.numel() for layer in layers for tensor in layer["tensors"].values())
    if size > MOST_BYTES:
        raise RequestError(
            f"{model.file} has {size / 2**20:,.0f} MiB of weights, and a page takes {MOST_BYTES / 2**20:.0f} at most; "
            "export .pt2 or .onnx"
        )
    data = {
        **about(model),
        "name": model.name,
        "shape": model.image_shape,
        "path": space_of(model).path,
        "output": net.output,
        "layers": [encoded(layer) for layer in layers],
        "embedding": None if embedding is None else tensor64(embedding.weight),
        "directions": tensor64(directions(first.linear.weight, G.train_settings.noise.dim)),
    }
    template = TEMPLATE.read_text(encoding="utf-8")
    content = json.dumps(data).replace("<", "\\u003c")  # no tag in it ends the script early
    title = html.escape(f"{data['name']}: latent space")
    return template.replace("{{title}}", title).replace("{{data}}", content).encode()


def generator(model: Model) -> SymmetricGenerator:
    """G of `model`; RequestError unless it is fully connected and draws pictures."""
    net = space_of(model).net
    if not isinstance(net, SymmetricGenerator) or not isinstance(net.net.body, MlpGenerator):
        kind = model.family
        if isinstance(net, SymmetricGenerator):
            kind = f"G is {net.train_settings.generator.name}"
        raise RequestError(
            f"a page runs fully connected generators (mlp) only, and of {model.file} {kind}; export .pt2 or .onnx"
        )
    channels, height, width = model.image_shape
    if (height, width) == (1, 1) or channels not in (1, 3):
        raise RequestError(
            f"{model.file} draws arrays of {list(model.image_shape)}, and a page shows pictures of 1 or 3 channels; "
            "export .pt2 or .onnx"
        )
    return net


def affine(linear: nn.Linear) -> dict[str, Any]:
    return {"tensors": {"weight": linear.weight, "bias": linear.bias}}


def hidden(layer: nn.Module, activation: str, model: Model) -> dict[str, Any]:
    """A hidden layer's tensors and what is done to them; BatchNorm is a part of the affine map."""
    assert isinstance(layer, Hidden)
    linear, norm = layer.linear, layer.norm
    assert isinstance(linear, nn.Linear)
    made = affine(linear) | {"activation": activation, "pieces": layer.pieces}
    match norm:
        case nn.Identity():
            return made
        case nn.BatchNorm1d():
            assert norm.running_var is not None and norm.running_mean is not None
            scale_O = norm.weight * torch.rsqrt(norm.running_var + norm.eps)
            made["tensors"] = {
                "weight": linear.weight * scale_O[:, None],
                "bias": (linear.bias - norm.running_mean) * scale_O + norm.bias,
            }
            return made
        case nn.LayerNorm():
            made["eps"] = norm.eps
            made["tensors"] |= {"gain": norm.weight, "shift": norm.bias}
            return made
    raise RequestError(
        f"a page has no {type(norm).__name__}, which {model.file} needs; export .pt2 or .onnx"
    )


def directions(weight_OI: Tensor, dim: int) -> Tensor:
    """[SLIDERS, Z]: unit directions of the noise that change the first layer most, the largest first.

    The right singular vectors of its weights (Shen and Zhou 2021, SeFa, eq. 6); the sign makes the largest entry
    positive.
    """
    _, _, vectors_ZZ = torch.linalg.svd(weight_OI[:, :dim].double(), full_matrices=False)
    kept = vectors_ZZ[:SLIDERS]
    largest = kept.gather(1, kept.abs().argmax(dim=1, keepdim=True))
    return (kept * largest.sign()).float()


def encoded(layer: dict[str, Any]) -> dict[str, Any]:
    return layer | {"tensors": {name: tensor64(one) for name, one in layer["tensors"].items()}}


def tensor64(tensor: Tensor) -> dict[str, Any]:
    """Shape, and float32 numbers in base64, little-endian."""
    numbers = tensor.detach().float().contiguous().numpy().astype("<f4")
    return {"shape": list(tensor.shape), "data": base64.b64encode(numbers.tobytes()).decode()}
