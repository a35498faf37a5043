"""Banks of label maps in one .npz: canonical arrays (k, j, i) of tissue codes with one spacing.

``NAME``: an organ map; ``NAME!kid``: one whose kidneys are not to be trusted. ``NAME_lab``: a body, with its
``NAME_fill`` and ``NAME_D`` as filled and outside of StoredCase.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.npyio import NpzFile

from flareseg.core.errors import ConfigError, DataError
from flareseg.training.prepare.data_map import DataMap
from flareseg.training.prepare.found import CaseSource, ImportedAnatomy, Provenance
from flareseg.training.prepare.values import KIDNEYS, VALID_NAMES, LabelValues
from flareseg.training.tissues import Tissue

_BODY, _FILLED, _OUTSIDE = "_lab", "_fill", "_D"
_SHORT = {"kid": KIDNEYS}
_CODES = LabelValues({tissue.value: tissue.name.lower() for tissue in Tissue})
# RuntimeError: an encrypted archive
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, RuntimeError)


def array_cases(path: Path, data_map: DataMap) -> list[CaseSource]:
    """Return the cases of a bank. Raises ConfigError for a map without spacing, DataError for another file."""
    if data_map.spacing_mm is None:
        raise ConfigError(f"The voxel size of {path.name} is not known.", _SPACING)
    described = data_map.with_defaults(path.stem)
    keys = [key for key in _keys(path) if not key.endswith((_FILLED, _OUTSIDE))]
    return [_case(path, key, described, data_map.spacing_mm) for key in keys]


def has_bodies(path: Path) -> bool:
    """Return whether a bank holds bodies. Raises DataError for another file."""
    return any(key.endswith(_BODY) for key in _keys(path))


@dataclass(frozen=True)
class ArrayCase:
    """One map of a bank."""

    provenance: Provenance
    path: Path
    key: str
    spacing_mm: float

    def content(self) -> Iterator[bytes]:
        yield repr((self.key, self.spacing_mm)).encode()
        for array in self._arrays().values():
            yield repr((array.shape, array.dtype.str)).encode()
            yield np.ascontiguousarray(array).tobytes()

    def read(self) -> ImportedAnatomy:
        arrays = self._arrays()
        labels = arrays[self.key]
        if labels.ndim != 3:
            raise DataError(f"The array has {labels.ndim} axes.", "Give arrays (k, j, i).")
        filled, outside = (arrays.get(self._part(end)) for end in (_FILLED, _OUTSIDE))
        if filled is not None and outside is not None:
            _require_parts(labels, filled, outside)
        return ImportedAnatomy(_CODES.tissues(labels), (self.spacing_mm,) * 3, filled=filled, outside=outside)

    def _part(self, end: str) -> str:
        return self.key.removesuffix(_BODY) + end

    def _arrays(self) -> dict[str, np.ndarray]:
        keys = [self.key, *([self._part(_FILLED), self._part(_OUTSIDE)] if self.key.endswith(_BODY) else [])]
        try:
            with _bank(self.path) as bank:
                return {key: _array(bank, key) for key in keys if key in bank.files}
        except _DAMAGED as error:
            raise DataError(f"The array {self.key} cannot be read ({error}).", "Copy the file again.") from error


def _keys(path: Path) -> list[str]:
    try:
        with _bank(path) as bank:
            return list(bank.files)
    except _DAMAGED as error:
        raise DataError(f"{path} is not an .npz bank, or is damaged ({error}).", "Copy the file again.") from error


@contextlib.contextmanager
def _bank(path: Path) -> Iterator[NpzFile]:
    """Open a bank. Raises one of _DAMAGED."""
    bank = np.load(path, allow_pickle=False)
    if not isinstance(bank, NpzFile):
        raise ValueError("it holds a single array")
    with bank:
        yield bank


def _array(bank: NpzFile, key: str) -> np.ndarray:
    array = bank[key]
    if not isinstance(array, np.ndarray):
        raise ValueError("it is not an array")
    return array


def _case(path: Path, key: str, data_map: DataMap, spacing_mm: float) -> ArrayCase:
    name, _, doubt = key.removesuffix(_BODY).partition("!")
    untrusted = _SHORT.get(doubt, doubt)
    if untrusted and untrusted not in VALID_NAMES:
        raise DataError(f'"{doubt}" in the array\'s name {key} is not a tissue.', f"Use {', '.join(VALID_NAMES)}.")
    return ArrayCase(data_map.provenance(name, (untrusted,) if untrusted else ()), path, key, spacing_mm)


def _require_parts(labels: np.ndarray, filled: np.ndarray, outside: np.ndarray) -> None:
    half = tuple((n + 1) // 2 for n in labels.shape)
    if filled.shape != labels.shape or outside.shape != half or {filled.dtype, outside.dtype} != {np.dtype(np.uint8)}:
        raise DataError(
            f"{_FILLED} and {_OUTSIDE} do not fit {_BODY} in shape or type.", "Remove them: they are made again."
        )


_SPACING = "State it in a YAML file (--map), for example spacing_mm: 1.5."
