"""What every section of params.yaml shares."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0)]
# Beyond these ends a number or its square is 0 or infinite in float32, in which nets compute.
NotNegative = Annotated[float, Field(ge=0, le=1e9)]
Scale = Annotated[float, Field(ge=1e-9, le=1e9)]
Probability = Annotated[float, Field(ge=0, lt=1)]


class Section(BaseModel):
    """Frozen; unknown keys and values of another type are refused (no "5" for 5)."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, validate_default=True
    )
