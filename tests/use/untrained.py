"""Model files of GANs with random weights: any net, no training."""

from pathlib import Path

import torch

from pipeline.compute.streams import generator
from pipeline.config.models.gan.train import Train
from pipeline.io.tensors import write_model
from pipeline.models.common.saved import named
from pipeline.models.gan.nets import generator_of

COMMON = {"init": {"name": "he"}, "optimizer": {"name": "adam", "lr": 1e-3}}


def gan(file: Path, net: dict, shape: tuple = (1, 8, 8), classes: int = 0, **train) -> Path:
    """Write a model whose G is `net`; norms have statistics and gains that are not those of the start."""
    settings = Train.model_validate(
        {
            "steps": 1,
            "batch_size": 2,
            "noise": {"prior": "gaussian", "dim": 12},
            "generator": COMMON | net,
            "discriminator": COMMON | {"hidden": [4], "activation": "relu"},
            **train,
        }
    )
    stream = generator(0, "untrained")
    net_G = generator_of(settings, shape, classes, stream)
    with torch.no_grad():
        for tensor in [*net_G.parameters(), *net_G.buffers()]:
            if tensor.is_floating_point():
                tensor.copy_(0.1 + 0.3 * torch.randn(tensor.shape, generator=stream).abs())
        for weight in net_G.parameters():
            if weight.dim() > 1:
                weight.normal_(0, (2 / weight[0].numel()) ** 0.5, generator=stream)
    about = {
        "model": "gan",
        "train": settings.model_dump(mode="json"),
        "image_shape": list(shape),
        "classes": classes,
        "seed": 0,
        "steps": 1,
    }
    write_model(file, named("generator", net_G), about)
    return file


MLP = {"hidden": [16, 10], "activation": "relu", "output": "tanh"}
NETS: dict[str, dict] = {
    "batch": {"net": MLP | {"norm": "batch"}},
    "layer norm": {"net": MLP | {"norm": "instance", "activation": "leaky_relu"}},
    "maxout": {"net": MLP | {"activation": ["maxout", "softplus"], "pieces": 3}},
    "sigmoid": {
        "net": MLP | {"activation": ["sigmoid", "tanh"], "output": "sigmoid"},
        "pixels": "unit",
    },
    "colour": {"net": MLP | {"output": "linear"}, "shape": (3, 6, 5)},
    "conditional": {"net": MLP, "classes": 3, "conditional": {"embedding": 4}},
    "virtual": {"net": MLP | {"norm": "virtual_batch"}},
    "dcgan": {"net": {"name": "dcgan", "filters": 4, "output": "tanh"}, "shape": (1, 16, 16)},
    "pixel shuffle": {
        "net": {"name": "dcgan", "filters": 4, "up": "pixel_shuffle", "output": "tanh"},
        "shape": (3, 17, 16),
    },
    "nearest": {
        "net": {"name": "dcgan", "filters": 4, "up": "nearest", "norm": "instance", "output": "tanh"},
        "shape": (1, 16, 16),
    },
    "resnet": {"net": {"name": "resnet", "filters": 4, "output": "tanh"}, "shape": (3, 18, 16)},
    "r3gan": {"net": {"name": "r3gan", "filters": 8, "output": "linear"}, "shape": (3, 18, 13)},
    "batch norms told the class": {
        "net": {"name": "resnet", "filters": 4, "output": "tanh"}, "shape": (1, 16, 16), "classes": 3,
        "conditional": {"generator": "batch_norm"},
    },
    "dcgan told the class": {
        "net": {"name": "dcgan", "filters": 4, "output": "tanh"}, "shape": (1, 16, 16), "classes": 3,
        "conditional": {"generator": "batch_norm"},
    },
    "mlp told the class": {
        "net": MLP | {"norm": "batch"}, "classes": 3, "conditional": {"generator": "batch_norm"},
    },
    "deconv": {
        "net": {"name": "deconv", "hidden": [20, 72], "channels": 8, "kernel": 4, "stride": 2, "output": "sigmoid"},
    },
}  # fmt: skip
