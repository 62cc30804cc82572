"""The largest matrix product of a training step, from the settings alone."""

import math

from pipeline.compute.precision import Products
from pipeline.config.models.gan.nets import Mlp
from pipeline.config.models.gan.train import Train


def largest(settings: Train, image_shape: tuple[int, ...]) -> Products:
    """Of G, D and a hybrid's encoder; `image_shape`: C, H, W."""
    pixels, noise = math.prod(image_shape), settings.noise.dim
    chains = [(settings.generator, noise, pixels), (settings.discriminator, pixels, 1)]
    if settings.autoencoder:
        chains.append((settings.autoencoder.encoder, pixels, 2 * noise))
    layers: list[tuple[int, int]] = []
    for net, inputs, outputs in chains:
        if not isinstance(net, Mlp):
            return Products("convolution")
        pieces = [net.pieces if a == "maxout" else 1 for a in net.activations]
        wide = [units * p for units, p in zip(net.hidden, pieces, strict=True)]
        layers += zip([inputs, *net.hidden], [*wide, outputs], strict=True)
    return Products("linear", settings.batch_size * max(a * b for a, b in layers))
