"""Bodies for synthesis, made of whole-body label maps: every inner voxel gets a tissue, also under the organs.

Two kinds come in. In one skin and fat are labelled (voxel phantoms). In the other they are not (segmented CTs, "bare"):
there the body's inside is taken to reach from bone to bone, and is filled with fat and a layer of muscle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from flareseg.core.errors import DataError
from flareseg.training.prepare.found import Spacing
from flareseg.training.tissues import ORGAN_TISSUES, Tissue

# Taken out of ``filled``: an organ map brings its own.
REMOVED = (
    *ORGAN_TISSUES,
    Tissue.STOMACH,
    Tissue.GALLBLADDER,
    Tissue.ARTERY,
    Tissue.VEIN,
    Tissue.ADRENAL,
)
_LAYERS = (Tissue.AIR, Tissue.FAT, Tissue.WALL)  # what lies outside the muscles
_BONES = (Tissue.BONE, Tissue.SPONGY_BONE, Tissue.CARTILAGE)
BELOW_MM, ABOVE_MM = 480.0, 400.0  # of the liver's middle: no head and no feet
AROUND_MM = 100.0  # of air round the body, for patients with more fat
_OUTSIDE_LIMIT_MM = 250
# Gaps up to twice this are closed: between ribs and pelvis where nothing else is labelled, between muscles otherwise.
_CLOSED_BARE_MM, _CLOSED_MM = 44.0, 24.0
# Of the unlabelled inside of a bare body, muscle is what lies this close to its surface, to bone and to lung.
_WALL_MM, _ON_BONE_MM, _ON_LUNG_MM = 9.0, 7.0, 3.1


@dataclass(frozen=True)
class BodyParts:
    """``tissues``, ``filled``: uint8 (k, j, i); ``outside``: uint8 mm outside the muscles, on every second voxel."""

    tissues: np.ndarray
    filled: np.ndarray
    outside: np.ndarray
    bare: bool


def make_body(tissues: np.ndarray, spacing: Spacing) -> BodyParts:
    """Return the body in a map (k, j, i) of near-cubic voxels. Raises DataError for a map that is not a body."""
    _require_body(tissues)
    tissues = _with_air_around(_trunk(tissues, spacing[0]), spacing)
    mm = float(np.mean(spacing))
    bare = not np.isin(tissues, (Tissue.FAT, Tissue.WALL)).any()
    inside = _inside_bare(tissues, mm) if bare else _inside_labelled(tissues, mm)
    filled_up = _flesh_out(tissues, inside, mm) if bare else _without_holes(tissues)
    outside = ndimage.distance_transform_edt(~inside)[::2, ::2, ::2] * mm
    return BodyParts(
        filled_up,
        _without_organs(filled_up, inside),
        np.clip(outside, 0, _OUTSIDE_LIMIT_MM).astype(np.uint8),
        bare,
    )


def _require_body(tissues: np.ndarray) -> None:
    for name, members in (("bones", _BONES), ("muscles", (Tissue.MUSCLE,))):
        if not np.isin(tissues, members).any():
            raise DataError(
                f"The map has no {name}: it holds organs, but is not a body.",
                "Import it with --as organs or --as scans.",
            )


def _trunk(tissues: np.ndarray, mm: float) -> np.ndarray:
    """The slices around the liver that a scan of chest, abdomen and pelvis shows, cropped to the body."""
    slices = np.flatnonzero((tissues == Tissue.LIVER).any(axis=(1, 2)))
    if len(slices):
        middle = slices.mean()
        first = max(0, int(middle - BELOW_MM / mm))
        tissues = tissues[first : int(middle + ABOVE_MM / mm)]
    return tissues[ndimage.find_objects((tissues > 0).astype(np.uint8))[0]]


def _with_air_around(tissues: np.ndarray, spacing: Spacing) -> np.ndarray:
    j, i = (round(AROUND_MM / mm) for mm in spacing[1:])
    return np.pad(tissues, ((0, 0), (j, j), (i, i)))


def _inside_bare(tissues: np.ndarray, mm: float) -> np.ndarray:
    return _closed_on_half(tissues[::2, ::2, ::2] > 0, tissues.shape, 2 * mm, _CLOSED_BARE_MM) | (tissues > 0)


def _inside_labelled(tissues: np.ndarray, mm: float) -> np.ndarray:
    flesh = ~np.isin(tissues[::2, ::2, ::2], _LAYERS)
    return _closed_on_half(ndimage.binary_opening(flesh), tissues.shape, 2 * mm, _CLOSED_MM)


def _closed_on_half(half: np.ndarray, shape: tuple[int, ...], mm: float, radius_mm: float) -> np.ndarray:
    """A mask on every second voxel, its gaps closed by a ball, on the whole grid again."""
    reach = int(radius_mm / mm) + 2
    grown = ndimage.distance_transform_edt(~np.pad(half, reach)) * mm <= radius_mm
    closed = ndimage.distance_transform_edt(grown) * mm > radius_mm
    inner = closed[reach:-reach, reach:-reach, reach:-reach]
    k, j, i = shape
    return inner.repeat(2, 0).repeat(2, 1).repeat(2, 2)[:k, :j, :i]


def _flesh_out(tissues: np.ndarray, inside: np.ndarray, mm: float) -> np.ndarray:
    """Fat for all that was not labelled inside, and muscle under the surface and on bones and lungs."""
    unknown = (tissues == Tissue.AIR) & inside
    muscle = ndimage.distance_transform_edt(inside) * mm < _WALL_MM
    muscle |= ndimage.distance_transform_edt(~np.isin(tissues, _BONES)) * mm < _ON_BONE_MM
    if (tissues == Tissue.LUNG).any():
        muscle |= ndimage.distance_transform_edt(tissues != Tissue.LUNG) * mm < _ON_LUNG_MM
    fleshed = tissues.copy()
    fleshed[unknown] = Tissue.FAT
    fleshed[unknown & muscle] = Tissue.MUSCLE
    return fleshed


def _without_holes(tissues: np.ndarray) -> np.ndarray:
    holes = ndimage.binary_fill_holes(tissues > 0) & (tissues == Tissue.AIR)
    return np.where(holes, np.uint8(Tissue.FAT), tissues)


def _without_organs(tissues: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Each voxel of an organ or vessel takes the nearest tissue that is neither."""
    unknown = np.isin(tissues, REMOVED) | ((tissues == Tissue.AIR) & inside)
    nearest = ndimage.distance_transform_edt(unknown, return_distances=False, return_indices=True)
    return tissues[tuple(nearest)]
