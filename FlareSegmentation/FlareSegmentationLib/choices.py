"""Values that a user can choose, as the parameter node stores them and the panel shows them."""

from __future__ import annotations

from enum import Enum
from typing import TypeVar

from flareseg.core.errors import JobError
from slicer.i18n import tr as _

C = TypeVar("C", bound="Choice")


class Choice(Enum):
    """``value`` is what the engine understands, ``label()`` what a person reads; Slicer fills combo boxes with it."""

    def label(self) -> str:
        raise NotImplementedError

    @classmethod
    def refusal(cls, choice: object) -> str:
        """The message for a choice that does not exist."""
        raise NotImplementedError

    @classmethod
    def of(cls: type[C], choice: str | C) -> C:
        """Return the member for a value. Raises JobError for an unknown value."""
        try:
            return cls(choice)
        except ValueError:
            values = ", ".join(f'"{each.value}"' for each in cls)
            raise JobError(cls.refusal(choice), _("Use one of {values}.").format(values=values)) from None


class DeviceChoice(Choice):
    """Where the networks run."""

    AUTO = "auto"
    GPU = "cuda"
    CPU = "cpu"

    def label(self) -> str:
        return {"auto": _("Automatic"), "cuda": _("GPU"), "cpu": _("CPU")}[self.value]

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Unknown device: {choice!r}.").format(choice=choice)


class PrecisionChoice(Choice):
    """The precision of the networks (see flareseg.inference.precision)."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"

    def label(self) -> str:
        return _("Automatic") if self is PrecisionChoice.AUTO else str(self.value)

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Unknown precision: {choice!r}.").format(choice=choice)


class NetworkChoice(Choice):
    """Which networks segment (see flareseg.inference.full_size)."""

    CASCADE = "cascade"
    FULL_SIZE = "full-size"

    def label(self) -> str:
        return {"cascade": _("Region, then organs"), "full-size": _("Whole scan in one pass")}[self.value]

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Unknown network: {choice!r}.").format(choice=choice)


class CleanUpChoice(Choice):
    """How thoroughly a result is cleaned (see flareseg.inference.components)."""

    OFF = "off"
    NORMAL = "normal"
    STRONG = "strong"

    def label(self) -> str:
        return {"off": _("Off"), "normal": _("Normal"), "strong": _("Strong")}[self.value]

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Unknown clean-up: {choice!r}.").format(choice=choice)


class BordersChoice(Choice):
    """How the borders of organs are put on the scan's grid (see flareseg.inference.options)."""

    PLAIN = "plain"
    GUIDED = "guided"

    def label(self) -> str:
        return {"plain": _("Plain"), "guided": _("Guided by the CT")}[self.value]

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Unknown borders: {choice!r}.").format(choice=choice)


class EditedSegments(Choice):
    """What the next run does with segments that a person changed."""

    KEEP = "keep"
    REPLACE = "replace"
    NEW = "new"

    def label(self) -> str:
        return {"keep": _("Keep them"), "replace": _("Replace them"), "new": _("New segmentation")}[self.value]

    @classmethod
    def refusal(cls, choice: object) -> str:
        return _("Edited segments cannot be treated as {choice!r}.").format(choice=choice)
