"""`runs.R.train` of a fully visible belief net: p(x) as a product over pixels, each given those before it."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.base import Positive, Section
from pipeline.config.models.common.learner import Binarize, HiddenUnits, Learner


class Fvsbn(Section):
    """A logistic regression for each pixel (Frey, Hinton & Dayan 1996)."""

    name: Literal["fvsbn"]


class Made(Section):
    """One net with masked weights gives all conditionals in a pass (Germain et al. 2015)."""

    name: Literal["made"]
    hidden: HiddenUnits = (500,)  # the paper's smallest


class Nade(Section):
    """A hidden layer for each pixel, whose weights they share (Larochelle & Murray 2011)."""

    name: Literal["nade"]
    hidden: Positive = 500  # as published; memory is batch_size * pixels * hidden


Layers = Annotated[int, Field(gt=0, le=100)]


class PixelCnn(Section):
    """Masked convolutions over the rows above and the pixels to the left (van den Oord et al. 2016)."""

    name: Literal["pixelcnn"]
    channels: Positive = 16  # h; the paper's for MNIST; twice as many run between the blocks
    blocks: Layers = 7
    kernel: Literal[3, 5, 7] = 3  # of the blocks; the layer before them has 7


class PixelRnn(Section):
    """Row LSTMs, one on the other: a row's states follow from those of the row above (van den Oord et al. 2016)."""

    name: Literal["pixelrnn"]
    channels: Positive = 16  # h; the paper's for MNIST
    layers: Layers = 2  # the paper's: 7; the rows of each wait for one another


class WaveNet(Section):
    """Dilated causal convolutions over the raster scan (van den Oord et al. 2016, for sound)."""

    name: Literal["wavenet"]
    channels: Positive = 32
    # pixels of the scan between the two taps of each layer; together they see 1,024, more than MNIST has
    dilations: Annotated[
        tuple[Positive, ...], Field(min_length=1, max_length=100, strict=False)
    ] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


Net = Annotated[Fvsbn | Made | Nade | PixelCnn | PixelRnn | WaveNet, Field(discriminator="name")]


class Train(Learner):
    """Settings of a fully visible belief net on binary images, pixels in raster order."""

    family: ClassVar[str] = "autoregressive"
    nets: ClassVar[tuple[str, ...]] = ("net",)

    binarize: Binarize  # without a default: likelihoods on one are not those on another
    net: Net

    def memory(self, pixels: int) -> dict[str, float]:
        found = super().memory(pixels)
        match self.net:
            case Made(hidden=hidden):
                found["net.hidden"] = float(max(hidden) * max(pixels, self.batch_size, *hidden))
            case Nade(hidden=units):
                found["net.hidden"] = float(self.batch_size * pixels * units)
            case PixelCnn(channels=channels, blocks=layers):
                found["net.channels"] = float(self.batch_size * pixels * channels * layers)
            case PixelRnn(channels=channels, layers=layers):
                found["net.channels"] = float(self.batch_size * pixels * channels * layers)
            case WaveNet(channels=channels, dilations=dilations):
                layers = len(dilations)
                found["net.channels"] = float(self.batch_size * pixels * channels * layers)
                # when an image is drawn
                found["net.dilations"] = float(self.batch_size * sum(dilations) * channels)
        return found

    def check_images(self, shape: tuple[int, ...], bounded: bool, count: int | None) -> None:
        super().check_images(shape, bounded, count)
        if isinstance(self.net, PixelCnn | PixelRnn) and shape[0] != 1:
            raise ValueError(
                f"net.name is {self.net.name}, which knows rows and columns of one channel, and the images have "
                f"{shape[0]}; take made, nade or wavenet"
            )
