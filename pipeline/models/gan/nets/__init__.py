"""The two players. Each is a body, chosen by name, between inputs and outputs that all nets share."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute import streams
from pipeline.config.models.gan.nets import Conditional, Discriminators, Generators
from pipeline.config.models.gan.sizes import SizeError
from pipeline.config.models.gan.train import Train
from pipeline.errors import TrainingError
from pipeline.models.common.layers import MinibatchDiscrimination, SpectralNorm, VirtualBatchNorm
from pipeline.models.gan import pixels
from pipeline.models.gan.nets.bodies import DISCRIMINATORS, GENERATORS
from pipeline.models.gan.nets.initial import initialize, start_at_the_mean

__all__ = [
    "Discriminator",
    "DiscriminatorOutput",
    "Encoder",
    "Generator",
    "discriminator_of",
    "generator_of",
    "initialize",
    "start_at_the_mean",
]

# Shapes: B batch, Z noise, F features, K classes; images are BCHW.

# Output nonlinearities, scaled to [-1, 1]; linear has no bounds.
OUTPUTS = {
    "tanh": torch.tanh,
    "sigmoid": lambda x: torch.sigmoid(x) * 2 - 1,
    "linear": lambda x: x,
}
REFERENCES = 64  # images of virtual BatchNorm's reference batch


class Generator(nn.Module):
    """G: z [B, Z], labels [B] if it is conditional -> images in [-1, 1], or [0, 1] when
    `pixel_range` is "unit"."""

    def __init__(
        self,
        net: Generators,
        noise_dim: int,
        image_shape: tuple,
        stream: torch.Generator,
        *,
        pixel_range: str = "symmetric",
        conditional: Conditional | None = None,
        classes: int = 0,
    ):
        """`classes`: number of labels of the data, 0 if there are none; `stream`: of noise in layers."""
        super().__init__()
        inputs = noise_dim
        self.divided = stream if streams.divided(stream) else None
        self.output = OUTPUTS[net.output]
        self.pixels = pixel_range
        self.embedding = None
        told = 0  # classes that BatchNorm is told
        if conditional and conditional.generator == "embedding":
            self.embedding = nn.Embedding(labelled(classes), conditional.embedding)
            inputs += conditional.embedding
        elif conditional:
            told = labelled(classes)
        self.norms_are_told = told > 0
        with sizes_that_fit():
            self.body = GENERATORS[net.name](net, inputs, tuple(image_shape), stream, told)
        self.reference_z: Tensor
        self.reference_labels: Tensor
        self.virtual = [layer for layer in self.modules() if isinstance(layer, VirtualBatchNorm)]
        if self.virtual:
            self.register_buffer("reference_z", torch.zeros(REFERENCES, noise_dim))
            self.register_buffer("reference_labels", torch.zeros(REFERENCES, dtype=torch.int64))

    @property
    def last(self) -> nn.Module:
        """The output's affine map, which `output_init` initialises."""
        return self.body.last

    def refer_to(self, z_BZ: Tensor, labels_B: Tensor | None) -> None:
        """Fix virtual BatchNorm's reference batch, of `REFERENCES` images."""
        if not self.virtual:
            return
        self.reference_z.copy_(z_BZ)
        if labels_B is not None:
            self.reference_labels.copy_(labels_B)

    def forward(self, z_BZ: Tensor, labels_B: Tensor | None = None) -> Tensor:
        if self.virtual:
            for layer in self.virtual:
                layer.reference = None
            # noise and dropout in layers: the same on every rank
            with nullcontext() if self.divided is None else streams.undivided(self.divided):
                self.body(self._joined(self.reference_z, self.reference_labels))
        to_norms = labels_B if self.norms_are_told else None
        x_BCHW = self.output(self.body(self._joined(z_BZ, labels_B), to_norms).float())
        return pixels.to_nets(x_BCHW, self.pixels)

    def _joined(self, z_BZ: Tensor, labels_B: Tensor | None) -> Tensor:
        if self.embedding is None:
            return z_BZ
        return torch.cat([z_BZ, self.embedding(labels_B).to(z_BZ.dtype)], dim=1)


class DiscriminatorOutput(NamedTuple):
    """What D gives for a minibatch of images."""

    logit: Tensor  # [B]; D(x) is its sigmoid, or it itself where D is a critic (game/losses.py)
    features: Tensor  # [B, F], the inputs of the last layer
    classes: Tensor | None = None  # [B, K], logits of an auxiliary classifier


class Discriminator(nn.Module):
    """D: images [B, C, H, W], labels [B] if it is conditional -> logits [B]."""

    def __init__(
        self,
        net: Discriminators,
        image_shape: tuple,
        stream: torch.Generator,
        *,
        conditional: Conditional | None = None,
        classifies: bool = False,
        classes: int = 0,
    ):
        """`classifies`: with an auxiliary classifier; `classes`: number of labels of
        the data, 0 if there are none; `stream`: of dropout."""
        super().__init__()
        channels, *size = image_shape
        told = conditional.discriminator if conditional else False
        in_channel = told is True
        with sizes_that_fit():
            self.body = DISCRIMINATORS[net.name](net, (channels + in_channel, *size), stream)
        features = self.body.features
        self.others = None
        if net.minibatch_discrimination:
            kernels = net.minibatch_discrimination.kernels
            self.others = MinibatchDiscrimination(
                features, kernels, net.minibatch_discrimination.dims
            )
            features += kernels
        # whether each image is judged by itself: nothing, such as BatchNorm, mixes the images of a batch
        self.image_by_image = self.body.image_by_image and self.others is None
        self.last = nn.Linear(features, 1)
        self.classes = None
        if classifies:
            self.classes = nn.Linear(self.body.features, labelled(classes))
        self.channel = None
        if conditional and in_channel:
            self.channel = nn.Sequential(
                nn.Embedding(labelled(classes), conditional.embedding),
                nn.Linear(conditional.embedding, int(torch.Size(size).numel())),
                nn.Unflatten(1, (1, *size)),
            )
        self.projection = None
        if told == "projection":
            self.projection = Projection(self.body.features, labelled(classes))
        if net.spectral_norm:
            normalize_spectra(self)

    def judge(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> DiscriminatorOutput:
        """D's outputs for images in the range of the nets; labels [B] if D is conditional."""
        if self.channel is not None:
            x_BCHW = torch.cat([x_BCHW, self.channel(labels_B).to(x_BCHW.dtype)], dim=1)
        features_BF = self.body(x_BCHW)
        seen_BF = features_BF if self.others is None else self.others(features_BF)
        logit_B = self.last(seen_BF).squeeze(1)
        if self.projection is not None:
            assert labels_B is not None
            logit_B = logit_B + self.projection(features_BF, labels_B)
        return DiscriminatorOutput(
            logit_B.float(),
            features_BF,
            None if self.classes is None else self.classes(features_BF).float(),
        )

    def forward(self, x_BCHW: Tensor, labels_B: Tensor | None = None) -> Tensor:
        return self.judge(x_BCHW, labels_B).logit


class Projection(nn.Module):
    """Features [B, F], labels [B] -> y^T V phi(x), [B], which D adds to its logit (Miyato and Koyama 2018, eq. 3).

    V is an affine map to all classes, for the initialisation and the spectral norm of such; its other
    outputs are multiplied by 0, because the backward pass of CUDA's indexing is not deterministic.
    """

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.count = classes
        self.classes = nn.Linear(features, classes, bias=False)

    def forward(self, features_BF: Tensor, labels_B: Tensor) -> Tensor:
        of_each_BK = self.classes(features_BF)
        return (of_each_BK * F.one_hot(labels_B, self.count).to(of_each_BK.dtype)).sum(dim=1)


class Encoder(nn.Module):
    """E of a hybrid: images [B, C, H, W] -> means and log variances of z, [B, 2Z]."""

    def __init__(
        self,
        net: Discriminators,
        noise_dim: int,
        image_shape: tuple,
        stream: torch.Generator,
    ):
        """`stream`: of dropout."""
        super().__init__()
        with sizes_that_fit():
            self.body = DISCRIMINATORS[net.name](net, tuple(image_shape), stream)
        self.last = nn.Linear(self.body.features, 2 * noise_dim)
        if net.spectral_norm:
            normalize_spectra(self)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        return self.last(self.body(x_BCHW)).float()


def generator_of(
    train: Train, image_shape: tuple, classes: int, stream: torch.Generator
) -> Generator:
    """The G of a run, with weights that are still to be drawn or loaded.

    `image_shape`: C, H, W; `classes`: number of labels of the data, 0 if there are none; `stream`: of
    noise in layers.
    """
    return Generator(
        train.generator,
        train.noise.dim,
        image_shape,
        stream,
        pixel_range=train.pixels,
        conditional=train.conditional,
        classes=classes,
    )


def discriminator_of(
    train: Train, image_shape: tuple, classes: int, stream: torch.Generator
) -> Discriminator:
    """The D of a run, with weights that are still to be drawn or loaded.

    `classes` as for `generator_of`; `stream`: of dropout.
    """
    return Discriminator(
        train.discriminator,
        image_shape,
        stream,
        conditional=train.conditional,
        classifies=train.auxiliary_classifier is not None,
        classes=classes,
    )


def normalize_spectra(net: nn.Module) -> None:
    """Wrap, in place, every affine map of `net` in a SpectralNorm."""
    for module in list(net.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Linear | nn.Conv2d) and not isinstance(module, SpectralNorm):
                setattr(module, name, SpectralNorm(child))


@contextmanager
def sizes_that_fit() -> Iterator[None]:
    """TrainingError if a net that is made inside does not take images of their size."""
    try:
        yield
    except SizeError as error:
        raise TrainingError(f"train.{error}") from None


def labelled(classes: int) -> int:
    """`classes`; TrainingError if the data have fewer than two."""
    if classes < 2:
        raise TrainingError(
            "train.conditional and train.auxiliary_classifier need labels, but this dataset has "
            "none for all of its training images. Leave them out, or choose another dataset"
        )
    return classes
