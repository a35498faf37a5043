"""The interface of all layouts: cases that can be read one by one, and what reading gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

Spacing = tuple[float, float, float]


@dataclass(frozen=True)
class Provenance:
    """Source and licence of a case. ``untrusted``: names of tissues whose labels must not be learned."""

    name: str
    source: str
    licence: str
    untrusted: tuple[str, ...] = ()
    bare: bool = False


@dataclass(frozen=True)
class ImportedAnatomy:
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
    """A case of a source that has not been read yet."""

    @property
    def provenance(self) -> Provenance: ...

    def content(self) -> Iterator[bytes]:
        """Yield all bytes that the case is made from, for its fingerprint. Raises OSError or DataError."""
        ...

    def read(self) -> ImportedAnatomy:
        """Read the case. Raises ScanError or DataError if it cannot be used."""
        ...
