"""Dataclasses from JSON: what fits becomes an object, anything else is refused with the name of the field."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pytest
from flareseg.core.json_fields import from_json


@dataclass
class Point:
    name: str
    mm: list[float]


@dataclass
class Path:
    points: list[Point]
    length: float
    count: int
    closed: bool = False
    note: str | None = None
    unit: Literal["mm", "cm"] = "mm"
    extra: dict[str, Any] = field(default_factory=dict)


WHOLE = Path([Point("a", [1.0, 2.0]), Point("b", [])], 3.5, 2, True, "straight", "cm", {"any": [1, None]})
LEAST = {"points": [], "length": 3.5, "count": 0}


def test_a_dataclass_survives_a_way_through_json() -> None:
    assert from_json(Path, json.loads(json.dumps(asdict(WHOLE)))) == WHOLE


def test_fields_with_a_default_may_be_left_out() -> None:
    assert from_json(Path, LEAST) == Path([], 3.5, 0)


def test_a_whole_number_serves_as_a_float() -> None:
    assert from_json(Path, {**LEAST, "length": 3}).length == 3.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"colour": "red"}, "unknown field colour"),
        ({"length": "3.5"}, "field length is of another type"),
        ({"length": True}, "field length is of another type"),
        ({"length": None}, "field length is of another type"),
        ({"count": 1.5}, "field count is of another type"),
        ({"count": True}, "field count is of another type"),
        ({"closed": 1}, "field closed is of another type"),
        ({"note": 1}, "field note is of another type"),
        ({"unit": "inch"}, "field unit is of another type"),
        ({"extra": []}, "field extra is of another type"),
        ({"points": {}}, "field points is of another type"),
        ({"points": ["a"]}, "Point is not a JSON object"),
        ({"points": [{"name": "a"}]}, "field mm is missing"),
        ({"points": [{"name": "a", "mm": [None]}]}, "field mm is of another type"),
        ({"points": [{"name": "a", "mm": [], "r": 1}]}, "unknown field r"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_by_name(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_json(Path, {**LEAST, **changed})


@pytest.mark.parametrize("data", [None, [], "text", 1])
def test_anything_but_an_object_is_refused(data: Any) -> None:
    with pytest.raises(ValueError, match="Path is not a JSON object"):
        from_json(Path, data)


def test_missing_fields_are_named_together() -> None:
    with pytest.raises(ValueError, match="field length, count is missing"):
        from_json(Path, {"points": []})
