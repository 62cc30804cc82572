"""`generator` and `discriminator`: layers, initialisation, optimiser."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import NotNegative, Positive, Probability, Scale, Section
from pipeline.config.models.common.optimizers import Adam, Optimizer
from pipeline.config.models.gan.inits import Init, PublishedInit

Bias = Annotated[float, Field(ge=-1e9, le=1e9)]
Widths = Annotated[tuple[Positive, ...], Field(strict=False, min_length=1)]


def is_changed(section: Section, key: str) -> bool:
    """Whether a setting is another than its default. `model_fields_set` does not say so: model files hold every key."""
    return getattr(section, key) != type(section).model_fields[key].default


Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid", "softplus", "maxout"]


class Net(Section):
    """What every net has."""

    has_published_init: ClassVar[bool] = False
    init: Init
    output_init: Init | None = None  # of the last layer; null: as the others
    optimizer: Optimizer
    # after each update the weights into each unit (each piece of a maxout unit) are scaled down to
    # this L2 norm; of fully connected layers; authors on TFD: 1.9365
    max_column_norm: Scale | None = None

    @model_validator(mode="after")
    def published_init_is_known(self) -> Self:
        named = {init.name for init in (self.init, self.output_init) if init is not None}
        if "published" in named and not self.has_published_init:
            raise ValueError(
                "init: published is of the nets dcgan, resnet and r3gan; name the distribution (the authors' "
                "mlp has {name: uniform, range: 0.05})"
            )
        return self

    @model_validator(mode="after")
    def decayed_weights_are_there(self) -> Self:
        of_adam = isinstance(self.optimizer, Adam) and self.optimizer.decays_before_norms
        name, norm = getattr(self, "name", "mlp"), getattr(self, "norm", "none")
        if of_adam and (norm == "none" or name not in ("mlp", "dcgan")):
            raise ValueError(
                f"optimizer.decayed: before_norms is of an mlp or dcgan whose hidden layers have a norm, and this is {name} "
                f"with norm: {norm}; leave decayed out, or set norm: batch"
            )
        return self


class GeneratorNet(Net):
    """What every G has."""

    output: Literal["tanh", "sigmoid", "linear"]
    noise_std: NotNegative = 0.0  # of Gaussian noise on every hidden layer, in training (tip 13)
    dropout: Probability = 0.0  # share of every hidden layer set to 0 (tip 17: 0.5)
    noise_when_sampling: bool = False  # keep the Gaussian noise on when samples are drawn
    dropout_when_sampling: bool = True  # tip 17: in training and in test

    @model_validator(mode="after")
    def noise_when_sampling_needs_noise(self) -> Self:
        if self.noise_when_sampling and self.noise_std == 0:
            raise ValueError("noise_when_sampling is true, but noise_std is 0: set noise_std too")
        return self


class MinibatchDiscrimination(Section):
    """D also sees how near an image's features are to those of the others (Salimans 2016; tip 15)."""

    kernels: Positive = 100
    dims: Positive = 5


class DiscriminatorNet(Net):
    """What every D has. It ends in one linear unit: the logit of D(x)."""

    spectral_norm: bool = False  # every layer's largest singular value kept at 1 (Miyato 2018)
    minibatch_discrimination: MinibatchDiscrimination | None = None
    dropout_input: Probability = 0.0  # share of inputs set to 0; the others are scaled up
    dropout_hidden: Probability = 0.0


class Mlp(Net):
    """A stack of fully connected layers."""

    name: Literal["mlp"]
    hidden: Widths
    # of all hidden layers, or a list with one for each
    activation: Activation | Annotated[tuple[Activation, ...], Field(strict=False)]
    pieces: Positive = 5  # affine pieces per maxout unit; authors
    biases: Annotated[tuple[Bias, ...], Field(strict=False)] | None = (
        None  # initial, one per hidden layer; 0
    )
    # instance: over all units of a layer for one image, which is layer normalisation here
    norm: Literal["none", "batch", "instance"] = "none"

    @model_validator(mode="after")
    def lists_match_hidden_layers(self) -> Self:
        for key in ("activation", "biases"):
            found = getattr(self, key)
            if isinstance(found, tuple) and len(found) != len(self.hidden):
                raise ValueError(
                    f"{key} has {len(found)} entries for {len(self.hidden)} hidden layers"
                )
        return self

    @model_validator(mode="after")
    def pieces_are_used(self) -> Self:
        if is_changed(self, "pieces") and "maxout" not in self.activations:
            raise ValueError(
                f"pieces is {self.pieces}, but no layer is maxout; leave pieces out, or set activation: maxout"
            )
        return self

    @property
    def activations(self) -> tuple[str, ...]:
        """One for each hidden layer."""
        if isinstance(self.activation, tuple):
            return self.activation
        return (self.activation,) * len(self.hidden)


class MlpGenerator(Mlp, GeneratorNet):
    """The paper's G for MNIST and TFD."""

    norm: Literal["none", "batch", "instance", "virtual_batch"] = "none"  # type: ignore[assignment]
    # `data`: the output starts at each pixel's training mean (authors); `zeros` otherwise
    output_bias: Literal["zeros", "data"] = "zeros"
    # the mean, in [0, 1], is clipped to stay this far from 0 and 1; authors: 1e-7, which starts an always black
    # pixel at the logit -16.1, where it hardly learns; below 6e-8 float32 takes 1 minus it for 1
    output_bias_clip: Annotated[float, Field(ge=1e-7, lt=0.5)] = 1e-7

    @model_validator(mode="after")
    def data_bias_needs_bounded_output(self) -> Self:
        if self.output_bias == "data" and self.output == "linear":
            raise ValueError("output_bias: data needs output: sigmoid or tanh")
        return self

    @model_validator(mode="after")
    def clip_is_used(self) -> Self:
        if self.output_bias == "zeros" and is_changed(self, "output_bias_clip"):
            raise ValueError(
                f"output_bias_clip is {self.output_bias_clip:g}, but output_bias is zeros; leave it out, or set "
                "output_bias: data"
            )
        return self


class MlpDiscriminator(Mlp, DiscriminatorNet):
    """The paper's D for MNIST and TFD."""


class Pretraining(Section):
    """G's last layers play a game of their own first; then all of G starts, with a new D (authors, TFD)."""

    steps: Positive
    front: Positive = 2  # hidden layers of G, counted from z, that are left out at first


class DeconvGenerator(GeneratorNet):
    """The authors' G for CIFAR-10: fully connected layers, one transposed convolution, a bias for
    every pixel."""

    name: Literal["deconv"]
    hidden: Widths = (
        8000,
        8000,
    )  # the last is [channels, H', W'] with H = (H' - 1) stride + kernel
    activation: Annotated[tuple[Activation, ...], Field(strict=False)] = ("relu", "sigmoid")
    channels: Positive = 80
    kernel: Positive = 5
    stride: Positive = 3

    @model_validator(mode="after")
    def activations_match_hidden_layers(self) -> Self:
        if len(self.activation) != len(self.hidden):
            raise ValueError(
                f"activation has {len(self.activation)} entries for {len(self.hidden)} hidden layers"
            )
        return self


class MaxoutConvolution(Section):
    """A convolution of `pieces` maps per channel, their maximum, then max pooling."""

    channels: Positive
    kernel: Positive
    pad: Annotated[int, Field(ge=0)]
    pool: Positive  # pixels a side of max pooling's windows
    pool_stride: Positive = 2
    pieces: Positive = 2


AUTHORS = (
    MaxoutConvolution(channels=32, kernel=8, pad=4, pool=4),
    MaxoutConvolution(channels=32, kernel=8, pad=3, pool=4),
    MaxoutConvolution(channels=192, kernel=5, pad=3, pool=2),
)


class MaxoutConvDiscriminator(DiscriminatorNet):
    """The authors' D for CIFAR-10: three maxout convolutions with pooling, one maxout layer."""

    name: Literal["maxout_conv"]
    convolutions: Annotated[tuple[MaxoutConvolution, ...], Field(strict=False)] = AUTHORS
    hidden: Widths = (500,)
    pieces: Positive = 5


Kernel = Literal[3, 5, 7]  # pixels a side


class DcganGenerator(GeneratorNet):
    """DCGAN (Radford 2016): a fully connected layer to a small map, then layers that double its size."""

    has_published_init: ClassVar[bool] = True
    name: Literal["dcgan"]
    init: Init = PublishedInit(name="published")
    # of the last hidden layer; twice as many in each one before it, at most 8 times
    filters: Positive = 128
    activation: Literal["relu", "leaky_relu"] = "relu"
    norm: Literal["none", "batch", "instance"] = "batch"
    up: Literal["transposed", "pixel_shuffle", "nearest"] = "transposed"  # tip 5
    kernel: Kernel = 5  # of transposed and nearest; of pixel_shuffle 3

    @model_validator(mode="after")
    def kernel_is_used(self) -> Self:
        if self.up == "pixel_shuffle" and is_changed(self, "kernel"):
            raise ValueError(
                f"kernel is {self.kernel}, but up: pixel_shuffle has kernels of 3; leave kernel out, or set up: "
                "transposed or nearest"
            )
        return self


class DcganDiscriminator(DiscriminatorNet):
    """DCGAN (Radford 2016): convolutions, each of which halves the map's size."""

    has_published_init: ClassVar[bool] = True
    name: Literal["dcgan"]
    init: Init = PublishedInit(name="published")
    # of the first layer; twice as many in each one after it, at most 8 times
    filters: Positive = 128
    activation: Literal["relu", "leaky_relu"] = "leaky_relu"
    norm: Literal["none", "batch", "instance"] = "batch"  # not on the first layer
    down: Literal["strided", "average"] = "strided"  # tip 5
    kernel: Kernel = 5  # of strided; of average 3

    @model_validator(mode="after")
    def kernel_is_used(self) -> Self:
        if self.down == "average" and is_changed(self, "kernel"):
            raise ValueError(
                f"kernel is {self.kernel}, but down: average has kernels of 3; leave kernel out, or set down: strided"
            )
        return self


Growth = Annotated[int, Field(ge=1, le=2)]


class ResnetGenerator(GeneratorNet):
    """SNGAN's residual G (Miyato 2018, table 3): a fully connected layer to a small map, blocks that double it."""

    has_published_init: ClassVar[bool] = True
    name: Literal["resnet"]
    init: Init = PublishedInit(name="published")
    filters: Positive = 256  # of the last block; CIFAR-10 256, STL-10 and ImageNet 64
    growth: Growth = (
        1  # times as many in each block before it, at most 16 times; STL-10, ImageNet 2
    )
    norm: Literal["none", "batch", "instance"] = "batch"


class ResnetDiscriminator(DiscriminatorNet):
    """SNGAN's residual D (Miyato 2018, table 3): blocks that halve the map, some that do not, the sum over it."""

    has_published_init: ClassVar[bool] = True
    name: Literal["resnet"]
    init: Init = PublishedInit(name="published")
    spectral_norm: bool = True
    filters: Positive = 128  # of the first block; CIFAR-10 128, STL-10 and ImageNet 64
    growth: Growth = 1  # times as many in each block after it, at most 16 times; STL-10, ImageNet 2
    # pixels a side, at most, of the map after the last halving; CIFAR-10 8, STL-10 and ImageNet 4
    smallest_map: Annotated[int, Field(ge=1, le=256)] = 8
    plain_blocks: Annotated[int, Field(ge=0, le=16)] = 2  # after it; STL-10 and ImageNet 1


class R3gan(Net):
    """R3GAN's residual nets without norms (Huang 2024, section 4): G and D mirror each other."""

    has_published_init: ClassVar[bool] = True
    name: Literal["r3gan"]
    init: Init = PublishedInit(name="published")
    filters: Positive = 768  # of maps as large as the image; CIFAR-10 768, FFHQ 256 96
    growth: Growth = 1  # times as many in each smaller map, at most 8 times; FFHQ 256 2
    blocks: Annotated[int, Field(ge=1, le=16)] = 2  # residual blocks for each size of map
    # filters of a block's 3 x 3 convolution, for each of the map
    expansion: Annotated[int, Field(ge=1, le=16)] = 2
    group: Positive = 16  # filters of it that see each other

    @model_validator(mode="after")
    def groups_fit(self) -> Self:
        if self.filters * self.expansion % self.group:
            raise ValueError(
                f"group is {self.group}, which does not divide filters times expansion, "
                f"{self.filters * self.expansion:,}; set one that does"
            )
        return self


class R3ganGenerator(R3gan, GeneratorNet):
    """From a small map, doubled by bilinear upsampling; published with `output: linear`."""


class R3ganDiscriminator(R3gan, DiscriminatorNet):
    """To a small map, halved by bilinear downsampling; published with `loss: relativistic`, `r1` and `r2`."""

    @model_validator(mode="after")
    def spectra_are_not_zero(self) -> Self:
        if self.spectral_norm and self.init.name == "published":
            raise ValueError(
                "spectral_norm does not go with the published init of r3gan, which has layers of zeros; leave "
                "spectral_norm out, or set another init"
            )
        return self


def mlp_by_default(found: Any) -> Any:
    """A net without `name` is an mlp."""
    return {"name": "mlp"} | found if isinstance(found, dict) else found


Generators = Annotated[
    Annotated[
        MlpGenerator | DeconvGenerator | DcganGenerator | ResnetGenerator | R3ganGenerator,
        Field(discriminator="name"),
    ],
    BeforeValidator(mlp_by_default),
]
Discriminators = Annotated[
    Annotated[
        MlpDiscriminator
        | MaxoutConvDiscriminator
        | DcganDiscriminator
        | ResnetDiscriminator
        | R3ganDiscriminator,
        Field(discriminator="name"),
    ],
    BeforeValidator(mlp_by_default),
]


class Conditional(Section):
    """The players are told the class (Mirza 2014; tip 16)."""

    embedding: Positive = 50  # numbers of an embedding
    # embedding: of the class, beside z; batch_norm: gains and biases of BatchNorm for each class
    # (Dumoulin 2017; as in Miyato and Koyama 2018)
    generator: Literal["embedding", "batch_norm"] = "embedding"
    # true: by an embedding as an image channel; projection: a linear function of the features for each class
    # (Miyato and Koyama 2018); false: G alone is told, as with an auxiliary classifier
    discriminator: bool | Literal["projection"] = True

    @model_validator(mode="after")
    def embedding_is_used(self) -> Self:
        unused = self.generator == "batch_norm" and self.discriminator is not True
        if unused and is_changed(self, "embedding"):
            raise ValueError(
                "embedding has no effect with generator: batch_norm, unless discriminator is true; leave it out"
            )
        return self

    def check(self, G: GeneratorNet) -> None:
        """ValueError unless G can be told the class as `generator` says."""
        if self.generator == "batch_norm" and getattr(G, "norm", "none") != "batch":
            raise ValueError(
                "conditional.generator: batch_norm needs a G with BatchNorm; set generator.norm: batch (mlp, "
                "dcgan, resnet), or conditional.generator: embedding"
            )
