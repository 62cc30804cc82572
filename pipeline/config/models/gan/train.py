"""`runs.R.train` of params.yaml: the two players and how they learn."""

import itertools
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive, Reproducible, Scale, Section
from pipeline.config.models.common.courses import Course
from pipeline.config.models.common.ema import Average
from pipeline.config.models.common.reproducible import check_reproducible
from pipeline.config.models.gan.augmentation import Augmentation
from pipeline.config.models.gan.autoencoders import Autoencoders
from pipeline.config.models.gan.exclusions import refuse_what_excludes_each_other
from pipeline.config.models.gan.losses import Loss
from pipeline.config.models.gan.nets import (
    Conditional,
    Discriminators,
    Generators,
    MlpGenerator,
    Pretraining,
)
from pipeline.config.models.gan.regularisers import (
    Consistency,
    GradientPenalty,
    LeCam,
    Orthogonal,
    SlopePenalty,
    TopK,
)
from pipeline.config.models.gan.tips import (
    AuxiliaryClassifier,
    Balance,
    FeatureMatching,
    HistoricalAveraging,
    Labels,
    Monitor,
    PastPlayers,
    PixelMatching,
    Replay,
    StepsOfD,
    StepsOfDiscriminator,
)


class Noise(Section):
    """Prior of z, drawn at G's bottom layer only."""

    prior: Literal["uniform", "gaussian", "sphere"] = "uniform"  # all of unit variance
    dim: Positive = 100  # authors, every configuration

    @model_validator(mode="after")
    def a_sphere_has_more_than_two_points(self) -> Self:
        if self.prior == "sphere" and self.dim == 1:
            raise ValueError(
                "noise.dim is 1, where a sphere is two points, of which G could draw two samples; use prior: uniform or "
                "gaussian, or more dimensions"
            )
        return self


class Train(Section):
    """Settings of a GAN: the players, their game, what tips add, and how it is watched."""

    family: ClassVar[str] = "gan"  # of pipeline.models.FAMILIES
    # keys of what the nets are: a run that starts from another's model (`continued:`) has the same values there
    nets: ClassVar[tuple[str, ...]] = (
        *("pixels", "noise", "generator", "discriminator"),
        *("autoencoder", "conditional", "auxiliary_classifier"),
    )

    steps: Positive  # iterations: updates of G where generator_steps is 1
    batch_size: Annotated[int, Field(ge=2)]
    # an epoch's last minibatch that is not full: dropped, or trained on (the authors' code)
    last_minibatch: Literal["dropped", "trained"] = "dropped"
    # alternating: Algorithm 1, fresh z for G; simultaneous: both gradients at the old weights,
    # one z and one dropout mask for both (the authors' code)
    update: Literal["alternating", "simultaneous"] = "alternating"
    # alternating only: G learns from fresh z (Algorithm 1); false: from the samples that D has just learned
    # from (DCGAN's code), which saves a pass through G
    fresh_noise: bool = True
    # k of Algorithm 1, or a list of {from_step, k}
    discriminator_steps: StepsOfDiscriminator = (StepsOfD(from_step=0, k=1),)
    # of G in each iteration, while D waits; section 6 warns that G collapses if it learns too much without D
    generator_steps: Positive = 1
    loss: Loss = "non_saturating"  # of both players; pipeline/models/gan/game/losses.py
    # factor of D's loss: 0.5 is the authors' mean of the two cross-entropies, 1 their sum (eq. 1)
    discriminator_loss_scale: Scale = 1.0
    pixels: Literal["symmetric", "unit"] = "symmetric"  # range the nets work in: [-1, 1] or [0, 1]
    # of matrix products; weights stay float32. auto: on GPUs with bf16 units bf16; on CPUs what
    # pipeline/processors.json knows to be faster, float32 where it has no line; tf32: CUDA only; fp16:
    # with loss scaling
    precision: Literal["auto", "float32", "tf32", "bf16", "fp16"] = "float32"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    devices: Positive = 1  # of one machine; each takes its share of every minibatch
    sync_batch_norm: bool = True  # BatchNorm over the whole minibatch, not each device's share
    # where the training images are kept: auto takes the device if they fit into half of its memory
    data_on: Literal["auto", "device", "host"] = "auto"
    # the same bits here, or on every x86-64 processor with AVX2, which takes longer
    reproducible: Reproducible = "here"
    compile: bool = False  # torch.compile: slower to start; see docs/devices.md for when it pays
    noise: Noise = Noise()
    generator: Generators
    discriminator: Discriminators
    pretraining: Pretraining | None = None
    autoencoder: Autoencoders | None = None  # a hybrid: an encoder learns beside G
    conditional: Conditional | None = None
    augmentation: Augmentation | None = None  # of what D sees, and mirrored data
    instance_noise: Course = Course()  # std of Gaussian noise on D's inputs (in the nets' range)
    # joint: real and fake share a batch of D's BatchNorm, which ganhacks 4 advises against
    batches: Literal["separate", "joint"] = "separate"
    labels: Labels = Labels()
    replay: Replay | None = None
    past_players: PastPlayers | None = None
    balance: Balance | None = None
    feature_matching: FeatureMatching | None = None
    pixel_matching: PixelMatching | None = None
    historical_averaging: HistoricalAveraging | None = None
    r1: SlopePenalty | None = None  # at data
    r2: SlopePenalty | None = None  # at samples
    gradient_penalty: GradientPenalty | None = None
    # D's weights, biases too, are kept within this distance of 0 (Arjovsky 2017: 0.01)
    weight_clip: Scale | None = None
    consistency: Consistency | None = None
    lecam: LeCam | None = None
    top_k: TopK | None = None
    orthogonal: Orthogonal | None = None
    auxiliary_classifier: AuxiliaryClassifier | None = None
    ema: Average | None = None  # moving average of G's weights, to draw samples from
    discriminator_ema: Average | None = None  # of D's weights, which rejection asks
    monitor: Monitor = Monitor()
    log_steps: Positive = 100  # a row of training.tsv every so many steps
    grid_steps: Positive = 1_000  # a picture of the same noise every so many steps

    @model_validator(mode="after")
    def settings_do_not_exclude_each_other(self) -> Self:
        check_reproducible(self)
        refuse_what_excludes_each_other(self)
        return self

    @model_validator(mode="after")
    def a_wasserstein_critic_has_a_limited_slope(self) -> Self:
        limits = (self.weight_clip, self.gradient_penalty, self.r1, self.r2)
        limited = any(limits) or self.discriminator.spectral_norm
        if self.loss == "wasserstein" and not limited:
            raise ValueError(
                "loss: wasserstein has no best D unless D's slope is limited, and D's loss falls for ever; set "
                "gradient_penalty, weight_clip, discriminator.spectral_norm: true, r1 or r2"
            )
        return self

    @model_validator(mode="after")
    def joint_batches_need_layers_that_mix(self) -> Self:
        D = self.discriminator
        mixes = getattr(D, "norm", "none") == "batch" or D.minibatch_discrimination
        if self.batches == "joint" and not mixes:
            raise ValueError(
                "batches: joint changes nothing, because this D looks at every image by itself; set "
                "discriminator.norm: batch or discriminator.minibatch_discrimination, or leave it out"
            )
        return self

    @model_validator(mode="after")
    def the_average_is_taken_at_least_once(self) -> Self:
        for key, average in (("ema", self.ema), ("discriminator_ema", self.discriminator_ema)):
            if average and average.every_steps > self.steps:
                raise ValueError(
                    f"{key}.every_steps is {average.every_steps:,} and steps {self.steps:,}: nothing would be "
                    "averaged, and the average is that of an untrained net; set every_steps to steps or less"
                )
        return self

    @model_validator(mode="after")
    def only_a_net_without_norms_is_averaged_as_it_stands(self) -> Self:
        if self.discriminator_ema and getattr(self.discriminator, "norm", "none") == "batch":
            raise ValueError(
                "discriminator_ema needs a D without BatchNorm, whose statistics no average has; leave it out, or set "
                "discriminator.norm: none or instance"
            )
        return self

    @model_validator(mode="after")
    def discriminator_steps_start_at_0_and_rise(self) -> Self:
        starts = [stretch.from_step for stretch in self.discriminator_steps]
        if starts[0] != 0 or any(a >= b for a, b in itertools.pairwise(starts)):
            raise ValueError(
                f"discriminator_steps starts at steps {', '.join(map(str, starts))}; "
                "the first must be 0, and each later than the one before"
            )
        return self

    @model_validator(mode="after")
    def one_update_of_each_when_simultaneous(self) -> Self:
        if self.update == "alternating":
            return self
        for stretch in self.discriminator_steps:
            if stretch.k != 1:
                raise ValueError(
                    f"update: simultaneous takes one step of each player; "
                    f"discriminator_steps is {stretch.k}, use 1 or update: alternating"
                )
        return self

    @model_validator(mode="after")
    def auxiliary_classifier_needs_class_in_generator_only(self) -> Self:
        told = self.conditional is not None and self.conditional.discriminator
        if self.auxiliary_classifier and (self.conditional is None or told):
            raise ValueError(
                "auxiliary_classifier needs a G that is told the class and a D that is not: add "
                "conditional: {discriminator: false}"
            )
        return self

    @model_validator(mode="after")
    def something_asks_for_the_class(self) -> Self:
        alone = self.conditional is not None and not self.conditional.discriminator
        if alone and not self.auxiliary_classifier and not self.autoencoder:
            raise ValueError(
                "conditional.discriminator is false, so nothing asks whether a sample is of the class that G was told; add "
                "auxiliary_classifier: {}, or set discriminator: true or projection"
            )
        return self

    @model_validator(mode="after")
    def the_generator_can_be_told_the_class(self) -> Self:
        if self.conditional:
            self.conditional.check(self.generator)
        return self

    @model_validator(mode="after")
    def hybrids_start_from_a_normal_distribution(self) -> Self:
        if self.autoencoder is None:
            return self
        name = self.autoencoder.name
        if self.noise.prior != "gaussian":
            raise ValueError(
                f"autoencoder: the encoder of {name} gives a normal distribution, and noise.prior is "
                f"{self.noise.prior}; set noise: {{prior: gaussian}}"
            )
        return self

    @model_validator(mode="after")
    def pretraining_splits_the_hidden_layers(self) -> Self:
        if self.pretraining is None:
            return self
        if not isinstance(self.generator, MlpGenerator):
            raise ValueError(
                "pretraining trains the last fully connected layers of G first; set generator.name: mlp"
            )
        front, layers = self.pretraining.front, len(self.generator.hidden)
        if front >= layers:
            raise ValueError(
                f"pretraining.front is {front}, but generator.hidden has {layers} layers, of which one at "
                "least must come after the front"
            )
        return self

    @model_validator(mode="after")
    def replay_holds_a_batch(self) -> Self:
        if self.replay and self.replay.size < self.batch_size:
            raise ValueError(
                f"replay.size is {self.replay.size:,}; it must be at least batch_size, {self.batch_size:,}"
            )
        return self

    @model_validator(mode="after")
    def devices_share_the_minibatch_equally(self) -> Self:
        if self.batch_size % self.devices or self.batch_size < 2 * self.devices:
            below = self.batch_size - self.batch_size % self.devices
            fits = [size for size in (below, below + self.devices) if size >= 2 * self.devices]
            raise ValueError(
                f"batch_size is {self.batch_size}, which {self.devices} devices cannot share equally, "
                f"two images each at least; set it to {' or '.join(map(str, fits or [2 * self.devices]))}"
            )
        return self

    def check_images(self, count: int) -> None:
        """ValueError unless `count` training images make the minibatches that the settings ask for."""
        if self.batch_size > count:
            raise ValueError(
                f"batch_size is {self.batch_size:,}, but there are only {count:,} training images; set it "
                "to that or less"
            )
        rest = count % self.batch_size
        shared = rest % self.devices == 0 and rest >= 2 * self.devices
        if self.last_minibatch == "trained" and rest and not shared:
            raise ValueError(
                f"last_minibatch: trained gives the last minibatch of an epoch {rest} of {count:,} images, "
                f"and devices: {self.devices} needs a number that it divides, two images each at least; "
                "set last_minibatch: dropped, or another batch_size"
            )
