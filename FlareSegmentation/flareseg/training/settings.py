"""Base of the configuration models: pydantic models that refuse unknown keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from flareseg.training.tissues import Tissue


class Settings(BaseModel):
    """Settings never change after they are read, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError(f"the lower end of a range, {ends[0]:g}, is above its upper end, {ends[1]:g}")
    return ends


def _tissue_name(name: str) -> str:
    if name.upper() not in Tissue.__members__:
        raise ValueError(f"unknown tissue {name}")
    return name.lower()


Probability = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Length = Annotated[tuple[Positive, Positive], AfterValidator(_ordered)]
"""mm, both ends above 0."""
Amount = Annotated[tuple[Weight, Weight], AfterValidator(_ordered)]
"""Both ends 0 or more."""
Counts = Annotated[tuple[int, int], AfterValidator(_ordered)]
TissueName = Annotated[str, AfterValidator(_tissue_name)]


def plainly(error: ValidationError) -> str:
    """What is wrong, place by place, in one line."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = [(".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in problems]
    return "; ".join(f"{place}: {message}" if place else message for place, message in places)
