"""All nets by name: the body of each player, between inputs and outputs that all nets share."""

from typing import Any

from pipeline.models.gan.nets.authors_conv import DeconvGenerator, MaxoutConvDiscriminator
from pipeline.models.gan.nets.dcgan import DcganDiscriminator, DcganGenerator
from pipeline.models.gan.nets.mlp import MlpDiscriminator, MlpGenerator
from pipeline.models.gan.nets.r3gan import R3ganDiscriminator, R3ganGenerator
from pipeline.models.gan.nets.resnet import ResnetDiscriminator, ResnetGenerator

# name: body of G, body of D; the authors' convolutional pair has a name for each
BODIES: dict[str, tuple[type[Any] | None, type[Any] | None]] = {
    "mlp": (MlpGenerator, MlpDiscriminator),
    "deconv": (DeconvGenerator, None),
    "maxout_conv": (None, MaxoutConvDiscriminator),
    "dcgan": (DcganGenerator, DcganDiscriminator),
    "resnet": (ResnetGenerator, ResnetDiscriminator),
    "r3gan": (R3ganGenerator, R3ganDiscriminator),
}
GENERATORS = {name: G for name, (G, _) in BODIES.items() if G is not None}
DISCRIMINATORS = {name: D for name, (_, D) in BODIES.items() if D is not None}
