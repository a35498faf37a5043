"""The YAML file that describes a data set: its paths, the meaning of its values, its source and licence."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from flareseg.core.errors import ConfigError
from flareseg.training.prepare.found import Provenance
from flareseg.training.prepare.values import LARGEST_LABEL, LabelValues, tissues_named
from flareseg.training.settings import Settings, plainly

SOURCES = Path(__file__).resolve().parent.parent / "sources"
NOT_STATED = "not stated"
_NAME = "{name}"
_LEAVES = re.compile(r"^/|^\w:|\\|\0|(^|/)\.\.(/|$)")  # paths that may lead out of their folder, on any system
# What PyYAML raises for text that is not valid YAML, and for values that its constructors cannot make (dates, tags).
_NO_YAML = (yaml.YAMLError, ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)
Value = TypeVar("Value")


class DataMap(Settings):
    """All keys are optional here; a layout says which it needs. Patterns (``btcv*``) are of case names; the first that
    fits holds.

    ``source``, ``licence``: of all cases; ``sources``, ``licences``: by pattern. ``untrusted``: tissues not to be
    learned, by pattern. ``prefix``: put before every name. ``labels``, ``images``: paths below the source folder with
    {name} in them. ``values``: the tissue of each label value. ``spacing_mm``: voxel size of arrays. ``bare``: bodies
    whose skin and fat were filled in.
    """

    source: str = ""
    licence: str = ""
    sources: dict[str, str] = Field(default_factory=dict)
    licences: dict[str, str] = Field(default_factory=dict)
    untrusted: dict[str, list[str]] = Field(default_factory=dict)
    prefix: str = ""
    labels: str | None = None
    images: str | None = None
    values: dict[int, str] = Field(default_factory=dict)
    spacing_mm: float | None = Field(None, gt=0, allow_inf_nan=False)
    bare: list[str] = Field(default_factory=list)

    @field_validator("values")
    @classmethod
    def _values_are_tissues(cls, values: dict[int, str]) -> dict[int, str]:
        for value, name in values.items():
            if not 0 <= value <= LARGEST_LABEL:
                raise ValueError(f"the label value {value} is not between 0 and {LARGEST_LABEL}")
            tissues_named(name)
        return values

    @field_validator("untrusted")
    @classmethod
    def _untrusted_are_tissues(cls, untrusted: dict[str, list[str]]) -> dict[str, list[str]]:
        for names in untrusted.values():
            for name in names:
                tissues_named(name)
        return untrusted

    @field_validator("labels", "images")
    @classmethod
    def _is_below_the_source(cls, path: str | None) -> str | None:
        if path is None:
            return None
        if path.count(_NAME) != 1:
            raise ValueError(f'"{path}" must hold {_NAME} once')
        if _LEAVES.search(path):
            raise ValueError(f'"{path}" must lie below the source: no absolute path, no "..", and / between folders')
        return PurePosixPath(path).as_posix()

    def provenance(self, found_name: str, untrusted: tuple[str, ...] = ()) -> Provenance:
        """What is known of the case its data set calls ``found_name``; ``untrusted``: tissues besides the map's."""
        named = [*untrusted, *_first(self.untrusted, found_name, [])]
        tissues = sorted({tissue.name.lower() for name in named for tissue in tissues_named(name)})
        return Provenance(
            re.sub(r"[^\w.-]+", "_", self.prefix + found_name),  # names become file names
            _first(self.sources, found_name, self.source),
            _first(self.licences, found_name, self.licence) or NOT_STATED,
            tuple(tissues),
            any(_fits(found_name, pattern) for pattern in self.bare),
        )

    @property
    def label_values(self) -> LabelValues:
        return LabelValues(self.values)

    def with_defaults(self, source: str, licence: str = "") -> DataMap:
        """The map with a source and a licence where it states none."""
        return self.model_copy(update={"source": self.source or source, "licence": self.licence or licence})

    def with_words(self, source: str | None, licence: str | None, prefix: str | None) -> DataMap:
        """Return the map with the options of the command line, which apply to all cases."""
        said: dict[str, object] = {}
        if source:
            said |= {"source": source, "sources": {}}
        if licence:
            said |= {"licence": licence, "licences": {}}
        return self.model_copy(update={**said, **({"prefix": prefix} if prefix is not None else {})})


def read_data_map(name_or_path: str) -> DataMap:
    """A map of SOURCES by name ("targets"), or a YAML file. Raises ConfigError."""
    shipped = SOURCES / f"{name_or_path}.yaml"
    path = shipped if shipped.is_file() else Path(name_or_path)
    try:
        return DataMap.model_validate(_read_yaml(path))
    except ValidationError as error:
        hint = f"The keys are {', '.join(DataMap.model_fields)}."
        raise ConfigError(f"Invalid data map {path.name}: {plainly(error)}.", hint) from error


def _read_yaml(path: Path) -> object:
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        names = ", ".join(sorted(file.stem for file in SOURCES.glob("*.yaml")))
        raise ConfigError(f"Data map not found: {path}.", f"Give a YAML file, or {names}.") from error
    except _NO_YAML as error:
        reason = str(error) or type(error).__name__
        raise ConfigError(f"{path.name} is not valid YAML: {reason}.", "Correct the file.") from error


def _first(by_pattern: dict[str, Value], name: str, otherwise: Value) -> Value:
    return next((value for pattern, value in by_pattern.items() if _fits(name, pattern)), otherwise)


def _fits(name: str, pattern: str) -> bool:
    """A name always fits itself, whatever its characters mean in a pattern."""
    return name == pattern or fnmatchcase(name, pattern)
