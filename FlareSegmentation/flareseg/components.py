"""Connected-component clean-up of a label map."""

from __future__ import annotations

import cc3d
import numpy as np

from flareseg.organs import ORGANS, Organ

SMALLEST_ML = 5.0  # a few voxels of bowel or pelvis are no organ
KEPT_SHARE = 0.12  # of the organ's largest component; smaller ones are noise (measured on real CT)


def remove_small_parts(labels: np.ndarray, voxel_ml: float = 0.0) -> None:
    """Keep each organ's largest parts, in place; an organ below SMALLEST_ML goes altogether.

    ``labels``: uint8 (k, j, i), array or view. A part is a set of voxels connected through faces.
    Kept are at most Organ.max_parts parts, each above KEPT_SHARE of the organ's largest.
    ``voxel_ml``: volume of a voxel in mL; 0 keeps organs of any size.
    """
    parts, count = cc3d.connected_components(np.ascontiguousarray(labels), connectivity=6, return_N=True)
    if not count:
        return
    facts = cc3d.statistics(parts)
    voxels, boxes = facts["voxel_counts"], facts["bounding_boxes"]
    owner = _owners(labels, parts, boxes)
    for organ in ORGANS:
        members = np.flatnonzero(owner == organ.label)
        kept = _kept(members, voxels, organ)
        if voxel_ml and voxels[kept].sum() * voxel_ml < SMALLEST_ML:
            kept = kept[:0]
        for part in np.setdiff1d(members, kept):
            box = boxes[part]
            labels[box][parts[box] == part] = 0


def _owners(labels: np.ndarray, parts: np.ndarray, boxes: list[tuple[slice, slice, slice]]) -> np.ndarray:
    """The label value of each part (index 0, the background, has none)."""
    owner = np.zeros(len(boxes), dtype=np.uint8)
    for part in range(1, len(boxes)):
        corner = boxes[part][0].start  # every part has a voxel in the first slice of its box
        first = (slice(corner, corner + 1), *boxes[part][1:])
        owner[part] = labels[first][parts[first] == part][0]
    return owner


def _kept(members: np.ndarray, voxels: np.ndarray, organ: Organ) -> np.ndarray:
    largest = members[np.argsort(voxels[members], kind="stable")[::-1]][: organ.max_parts]
    return largest[voxels[largest] > KEPT_SHARE * voxels[largest].max(initial=0)]
