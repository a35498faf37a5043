"""Dataclasses from JSON, checked against their type hints."""

from __future__ import annotations

from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def from_json(cls: type[T], data: Any) -> T:
    """The inverse of ``dataclasses.asdict``, after a way through JSON.

    Args:
        cls: Dataclass with fields of str, bool, int, float, Any, Literal, list[...], dict[str, Any] or other such
            dataclasses, or of one of these or None.
        data: What ``json.loads`` returned.

    Returns:
        An instance of ``cls``.

    Raises:
        ValueError: ``data`` is not an object, or a field is unknown, missing or of another type; the message names it.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{cls.__name__} is not a JSON object")
    hints = _hints(cls)
    if unknown := sorted(data.keys() - hints):
        raise ValueError(f"unknown field {', '.join(unknown)}")
    if missing := [name for name, (_, required) in hints.items() if required and name not in data]:
        raise ValueError(f"field {', '.join(missing)} is missing")
    return cls(**{name: _value(hints[name][0], value, name) for name, value in data.items()})


def _hints(cls: type) -> dict[str, tuple[Any, bool]]:
    """The type of each field, and whether it has no default."""
    hints = get_type_hints(cls)
    return {f.name: (hints[f.name], f.default is f.default_factory is MISSING) for f in fields(cls)}


def _value(hint: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin in (Union, UnionType):  # with None
        return None if value is None else _value(arguments[0], value, name)
    if is_dataclass(hint):
        return from_json(origin, value)
    if origin is list and isinstance(value, list):
        return [_value(arguments[0], item, name) for item in value]
    # by exact type: a bool is not a number; JSON may write 2.0 as 2
    if origin is Any or type(value) is origin or (origin is float and type(value) is int):
        return value
    if origin is Literal and value in arguments:
        return value
    raise ValueError(f"field {name} is of another type")
