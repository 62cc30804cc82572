"""`autoencoder`: beside G, an encoder learns which z an image comes from (ganhacks 7, hybrid models)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Scale, Section
from pipeline.config.models.gan.nets import Discriminators


class Autoencoder(Section):
    """What every hybrid has."""

    encoder: Discriminators  # a net of D's kinds, with 2 * noise.dim outputs: means, log variances
    kl_weight: Scale = 1.0  # of KL(q(z|x) || N(0, I)); above 1: beta-VAE

    @model_validator(mode="after")
    def encoder_has_no_minibatch_discrimination(self) -> Self:
        if self.encoder.minibatch_discrimination:
            raise ValueError(
                "encoder.minibatch_discrimination is for a discriminator; leave it out"
            )
        return self


class Vae(Autoencoder):
    """Variational autoencoder (Kingma 2014). G learns from pixels alone; D is trained, but G ignores it."""

    name: Literal["vae"]
    pixel_std: Scale = 0.5  # of p(x|z) = N(G(z), pixel_std^2), in the nets' range


class VaeGan(Autoencoder):
    """Reconstructions are compared in D's features, not in pixels; G also plays against D (Larsen 2016)."""

    name: Literal["vae_gan"]
    reconstruction_weight: Scale = 0.01  # gamma, of the reconstruction in the loss of G


Autoencoders = Annotated[Vae | VaeGan, Field(discriminator="name")]
