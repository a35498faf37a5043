"""What a YAML file may say: models of pydantic that refuse what they do not understand."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, ValidationError


class Settings(BaseModel):
    """Settings never change after they are read, and a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def plainly(error: ValidationError) -> str:
    """What is wrong, place by place, in one line."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    places = [(".".join(str(part) for part in problem["loc"]), problem["msg"]) for problem in problems]
    return "; ".join(f"{place}: {message}" if place else message for place, message in places)
