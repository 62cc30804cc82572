"""What every section of params.yaml shares."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# A count: float64 holds it exactly, and so does what is computed from it.
MOST = 10**12
Positive = Annotated[int, Field(gt=0, le=MOST)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# Outside these limits a number or its square underflows or overflows in float32.
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Scale = Annotated[float, Field(ge=1e-9, le=1e9)]
# On which processors the same settings give the same bits. here: on those of the kind at hand, with its fastest
# arithmetic; anywhere: on every x86-64 processor with AVX2 and FMA (Intel since 2013, AMD since 2015), with arithmetic
# that all of them share (docs/verify.md).
Reproducible = Literal["here", "anywhere"]
Probability = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Frozen; unknown keys and values of another type are refused (no "5" for 5)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True
    )
