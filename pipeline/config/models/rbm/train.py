"""`runs.R.train` of a restricted Boltzmann machine: p(v) as a sum over binary hidden units."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import Positive
from pipeline.config.models.common.learner import Binarize, Learner

# AIS computes log f_beta at three different betas at least
AnnealingSteps = Annotated[int, Field(ge=3, le=10_000_000)]

CHAINS = 100  # Tieleman 2008, Melchior et al. 2016


class Train(Learner):
    """Settings of a machine of binary units that learns by contrastive divergence, persistent or not."""

    family: ClassVar[str] = "rbm"
    nets: ClassVar[tuple[str, ...]] = ("hidden", "persistent", "chains")
    # drawing the states takes as long as the products, and a rounded mean is another distribution
    precision: Literal["float32"] = "float32"

    binarize: Binarize  # without a default: likelihoods on one are not those on another
    hidden: Positive = 500  # Salakhutdinov & Murray 2008
    # the chains of the negative phase go on from update to update (PCD), or start at the minibatch (CD)
    persistent: bool = True
    gibbs_steps: Positive = 1  # k: steps of each chain in an update
    # that persist, 100 if left out; CD has one for each image of the minibatch
    chains: Positive | None = None
    # centring: offsets follow the means of the data, or of data and chains (the enhanced gradient); none: the
    # plain machine, which learns many times slower
    offsets: Literal["data", "average", "none"] = "data"
    offset_rate: Annotated[float, Field(ge=0, le=1)] = 0.01  # Melchior et al. 2016
    # Gibbs steps from fair coins to a sample; every sample has a chain of its own
    sampling_steps: Positive = 1_000
    # distributions on the way of AIS; its error falls with more of them
    annealing_steps: AnnealingSteps = 14_500  # Salakhutdinov & Murray 2008

    @model_validator(mode="after")
    def no_average_of_machines_with_different_offsets(self) -> Self:
        if self.ema is not None:
            raise ValueError(
                "ema: an average of weights whose offsets moved is none of the machines averaged; leave ema "
                "out and let the learning rate fall: schedule: {name: linear}"
            )
        return self

    @model_validator(mode="after")
    def chains_are_those_that_persist(self) -> Self:
        if not self.persistent and self.chains is not None:
            raise ValueError(
                "chains: with persistent: false each image of the minibatch has one; leave chains out"
            )
        return self

    @model_validator(mode="after")
    def offsets_move_at_a_rate(self) -> Self:
        if self.offsets == "none" and self.offset_rate != 0.01:
            raise ValueError(
                f"offset_rate is {self.offset_rate:g}, but offsets is none; leave it out, or set offsets: data or average"
            )
        return self

    @property
    def negative_chains(self) -> int:
        """Chains of the negative phase."""
        return (self.chains or CHAINS) if self.persistent else self.batch_size

    def memory(self, pixels: int) -> dict[str, float]:
        chains = self.negative_chains
        return {
            **super().memory(pixels),
            "hidden": float(self.hidden * max(self.batch_size, pixels)),
            "chains": float(chains * max(self.hidden, pixels)) if self.persistent else 0.0,
        }
