"""What every layout hands over: cases that can be read one by one, and what is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from flareseg.core.errors import FlareError

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Provenance:
    """Whose case it is. ``untrusted``: names of tissues whose labels must not be learned."""

    name: str
    source: str
    licence: str
    untrusted: tuple[str, ...] = ()
    bare: bool = False


@dataclass(frozen=True)
class Anatomy:
    """A case as it was found, in canonical orientation.

    ``tissues``: uint8 codes of Tissue (k, j, i), ``spacing`` in mm; ``hu``: any number type, of a CT on the same grid.
    ``kidneys_joined``: RIGHT_KIDNEY stands for both. ``unlabelled``: names of organ tissues that were not looked for.
    ``filled``, ``outside``: as in StoredCase, of a body that is ready made.
    """

    tissues: np.ndarray
    spacing: Spacing
    hu: np.ndarray | None = None
    kidneys_joined: bool = False
    unlabelled: tuple[str, ...] = ()
    filled: np.ndarray | None = None
    outside: np.ndarray | None = None


class CaseSource(Protocol):
    """A case that lies somewhere, not read yet."""

    @property
    def provenance(self) -> Provenance: ...

    def content(self) -> Iterator[bytes]:
        """All that the case is made from: other bytes, another case. Raises OSError or FlareError("bad_data")."""
        ...

    def read(self) -> Anatomy:
        """Raises FlareError("bad_scan" or "bad_data") for a case that cannot be used."""
        ...


def bad_data(message: str, hint: str) -> FlareError:
    return FlareError("bad_data", message, hint)
