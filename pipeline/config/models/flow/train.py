"""`runs.R.train` of a normalising flow: an invertible net whose density is known exactly."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import MOST, Section
from pipeline.config.models.common.learner import HiddenUnits, Learner

# With three couplings every pixel can depend on every other (NICE, section 3.2).
Couplings = Annotated[int, Field(ge=3, le=MOST)]


class Nice(Section):
    """Additive couplings, which keep volume, a scale for each pixel, a logistic base (Dinh et al. 2014)."""

    name: Literal["nice"]
    couplings: Couplings = 4  # the paper's
    hidden: HiddenUnits = (500, 500)  # of each coupling's net; the paper's MNIST: five times 1,000


class RealNvp(Section):
    """Affine couplings on logits, a normal base (Dinh et al. 2016); fully connected nets, as on MNIST in
    Papamakarios et al. 2017, not the paper's convolutions."""

    name: Literal["real_nvp"]
    couplings: Couplings = 6
    hidden: HiddenUnits = (512, 512)
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05  # of logit(alpha + (1 - 2 alpha) x); paper


class Train(Learner):
    """Settings of a flow on dequantised grey or colour images."""

    family: ClassVar[str] = "flow"
    nets: ClassVar[tuple[str, ...]] = ("flow",)

    flow: Annotated[Nice | RealNvp, Field(discriminator="name")]

    @model_validator(mode="after")
    def its_inverse_needs_float32(self) -> Self:
        if self.precision != "float32":
            raise ValueError(
                f"precision is {self.precision}; a flow must undo each step, and its log-likelihood adds up "
                "thousands of nats: 8 or 11 bits are too few. Set precision: float32, or leave it out"
            )
        return self

    def memory(self, pixels: int) -> dict[str, float]:
        widest = max(self.flow.hidden)
        return super().memory(pixels) | {
            "flow.hidden": float(self.flow.couplings * widest * max(pixels, self.batch_size))
        }
