"""The geometry of a NIfTI file from its qform, its sform, or neither."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flareseg.core.errors import FlareError, ScanError
from flareseg.core.geometry import Geometry
from flareseg.io.image_files.header import UNSTATED, grid

_SCANNER = 1  # the code of the scanner's own coordinates
_LPS = np.array([-1.0, -1.0, 1.0])  # of RAS coordinates
_SAME_SIZE, _NEARLY_SAME_SIZE = 1e-3, 1e-2  # relative


@dataclass(frozen=True)
class Placement:
    """The header's fields, lengths in mm. ``spacing`` (i, j, k); ``sform`` (3, 4) in RAS; a code of 0: not stated."""

    spacing: np.ndarray
    qform_code: int
    sform_code: int
    quaternion: np.ndarray
    offset: np.ndarray
    flipped: bool
    sform: np.ndarray


def placed(size: tuple[int, int, int], place: Placement) -> tuple[Geometry, list[str]]:
    """The geometry and warnings about it.

    Where both are stated and differ, ITK's and 3D Slicer's choice is taken: the sform if it is in the scanner's
    coordinates, else the qform. Raises ScanError as Geometry does.
    """
    forms = {"qform": place.qform_code > 0, "sform": place.sform_code > 0}
    order = sorted(filter(forms.get, forms), reverse=place.sform_code == _SCANNER)
    if not order:
        return grid(size, np.diag(place.spacing), np.zeros(3)), [UNSTATED]
    if len(order) == 1:
        return _of_form(order[0], size, place)
    return _of_two(order, size, place)


def _of_two(order: list[str], size: tuple[int, int, int], place: Placement) -> tuple[Geometry, list[str]]:
    first, second = order
    try:
        geometry, warnings = _of_form(first, size, place)
    except FlareError:
        geometry, warnings = _of_form(second, size, place)
        return geometry, [*warnings, f"The file's {first} is sheared or damaged; its {second} was used."]
    try:
        other, _ = _of_form(second, size, place)
    except FlareError:
        return geometry, [*warnings, f"The file's {second} is sheared or damaged; its {first} was used."]
    if not geometry.is_close_to(other):
        warnings.append(f"The file's qform and sform differ; the {first} was used, as 3D Slicer does.")
    return geometry, warnings


def _of_form(form: str, size: tuple[int, int, int], place: Placement) -> tuple[Geometry, list[str]]:
    if form == "qform":
        with np.errstate(all="ignore"):  # what is not finite is refused by Geometry
            columns = _rotation(place.quaternion) * place.spacing * (1, 1, -1 if place.flipped else 1)
        return grid(size, columns.T * _LPS, place.offset * _LPS), []
    geometry = grid(size, place.sform[:, :3].T * _LPS, place.sform[:, 3] * _LPS)
    off = np.abs(np.array(geometry.spacing[::-1]) / place.spacing - 1).max()
    if off < _SAME_SIZE:
        return geometry, []
    sizes = [" x ".join(f"{mm:g}" for mm in values) for values in (geometry.spacing[::-1], place.spacing)]
    told = f"The file states two voxel sizes, {sizes[0]} mm (sform) and {sizes[1]} mm (pixdim)"
    if off > _NEARLY_SAME_SIZE:
        raise ScanError(f"{told}.", "Correct the header or export the scan again.")
    return geometry, [f"{told}; the first was used."]


def _rotation(quaternion: np.ndarray) -> np.ndarray:
    """The matrix of a unit quaternion of which b, c and d are given; a is not negative."""
    b, c, d = quaternion
    square = float(quaternion @ quaternion)
    if square > 1:  # by rounding; of a damaged one no rotation is made
        b, c, d = quaternion / np.sqrt(square) if square < 1 + _SAME_SIZE else np.full(3, np.nan)
    a = np.sqrt(max(0.0, 1.0 - b * b - c * c - d * d))
    return np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
