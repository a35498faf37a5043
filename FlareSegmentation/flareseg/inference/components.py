"""Clean-up of a label map: removal of small parts and, optionally, filling of holes."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

import cc3d
import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.errors import JobError
from flareseg.core.organs import BACKGROUND, ORGANS

_PAIRED = ORGANS[1]  # there are two kidneys, and one of every other organ
SMALLEST_ML = 5.0  # a few voxels of bowel or pelvis are not an organ
KEPT_SHARE = 0.12  # of the organ's largest component; smaller ones are noise (measured on real CT)


class CleanUp(str, Enum):
    """How thoroughly a label map is cleaned.

    OFF: not at all. NORMAL: at most Organ.max_parts parts of an organ stay, each above KEPT_SHARE of the
    largest. STRONG: of the pancreas, too, the largest part alone, and holes inside an organ are filled.
    """

    OFF = "off"
    NORMAL = "normal"
    STRONG = "strong"

    @classmethod
    def of(cls, choice: str) -> CleanUp:
        """Return the member for a name. Raises JobError for an unknown name."""
        try:
            return cls(choice)
        except ValueError:
            raise JobError(f'Unknown clean-up: "{choice}".', f"Use one of {', '.join(c.value for c in cls)}.") from None


def clean_up(labels: np.ndarray, strength: CleanUp, voxel_ml: float = 0.0) -> None:
    """Clean ``labels`` (uint8 (k, j, i), array or view) in place. ``voxel_ml`` as in remove_small_parts."""
    if strength is CleanUp.OFF:
        return
    one_each = {organ.label: 2 if organ is _PAIRED else 1 for organ in ORGANS}
    remove_small_parts(labels, voxel_ml, one_each if strength is CleanUp.STRONG else None)
    if strength is CleanUp.STRONG:
        fill_holes(labels)


def remove_small_parts(labels: np.ndarray, voxel_ml: float = 0.0, most: dict[int, int] | None = None) -> None:
    """Keep each organ's largest parts, in place; an organ below SMALLEST_ML goes altogether.

    ``labels``: uint8 (k, j, i), array or view. A part is a set of voxels connected through faces.
    Kept are at most Organ.max_parts parts (or ``most``, by label), each above KEPT_SHARE of the organ's
    largest. ``voxel_ml``: volume of a voxel in mL; 0 keeps organs of any size.
    """
    most = most or {organ.label: organ.max_parts for organ in ORGANS}
    box = box_around(labels)
    region = np.ascontiguousarray(labels[box])
    parts, count = cc3d.connected_components(region, connectivity=6, return_N=True)
    voxels, owner = _sizes_and_owners(region, parts, count)
    dropped = np.zeros(count + 1, bool)
    for organ in ORGANS:
        members = np.flatnonzero(owner == organ.label)
        kept = _kept(members, voxels, most[organ.label])
        if voxel_ml and voxels[kept].sum() * voxel_ml < SMALLEST_ML:
            kept = kept[:0]
        dropped[np.setdiff1d(members, kept)] = True
    if dropped.any():
        for plane, here in zip(labels[box], parts):
            plane[dropped[here]] = BACKGROUND


def remove_labels(labels: np.ndarray, values: Sequence[int]) -> None:
    """Give the background to all voxels of these label values, in place. ``labels``: uint8 (k, j, i), array or view."""
    removed = np.zeros(256, bool)
    removed[list(values)] = True
    if removed.any():
        for plane in labels:
            plane[removed[plane]] = BACKGROUND


def fill_holes(labels: np.ndarray) -> None:
    """Give the background that an organ encloses on all sides to that organ, in place."""
    for organ in ORGANS:
        region = labels[box_around(labels == organ.label)]
        if region.size:
            _fill_holes(region, organ.label)


def _fill_holes(region: np.ndarray, label: int) -> None:
    parts, count = cc3d.connected_components(np.ascontiguousarray(region != label), connectivity=6, return_N=True)
    enclosed = np.ones(count + 1, bool)
    enclosed[0] = False
    for axis in range(3):  # what reaches a face of the organ's box is outside
        for face in (0, -1):
            enclosed[np.unique(parts.take(face, axis))] = False
    region[enclosed[parts] & (region == BACKGROUND)] = label


def _sizes_and_owners(labels: np.ndarray, parts: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Voxels and label value of each part; index 0, the background, has neither. Slice by slice, to stay in cache."""
    voxels, owner = np.zeros(count + 1, np.int64), np.zeros(count + 1, np.uint8)
    for plane, here in zip(labels, parts):
        there = plane != BACKGROUND
        found = here[there]
        voxels += np.bincount(found, minlength=count + 1)
        owner[found] = plane[there]
    return voxels, owner


def _kept(members: np.ndarray, voxels: np.ndarray, most: int) -> np.ndarray:
    largest = members[np.argsort(voxels[members], kind="stable")[::-1]][:most]
    return largest[voxels[largest] > KEPT_SHARE * voxels[largest].max(initial=0)]
