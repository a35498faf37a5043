"""Separation of the left and the right kidney."""

from __future__ import annotations

import cc3d
import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.inference.resample import Box

TISSUE_HU = -150.0  # fat and all that is denser
_SAMPLED = 64  # slices and rows, or somewhat more
_MOSTLY = 0.8  # of a part on one side: the midline is known to a centimetre or two


def split_kidneys(labels: np.ndarray, midline: float) -> None:
    """Give the left kidney its own label, in place.

    ``labels``: uint8, canonical (k, j, i), where i runs to the left; both kidneys carry
    RIGHT_KIDNEY.label. ``midline``: the column of the body's middle. Each connected part goes
    whole to the side where most of it lies; one that lies on both (a horseshoe kidney) is cut there.
    """
    box = box_around(labels == RIGHT_KIDNEY.label)
    labels, midline = labels[box], midline - box[2].start
    kidneys = labels == RIGHT_KIDNEY.label
    parts, count = cc3d.connected_components(np.ascontiguousarray(kidneys), connectivity=6, return_N=True)
    if not count:
        return
    facts = cc3d.statistics(parts)
    for part in range(1, count + 1):
        inside = facts["bounding_boxes"][part]
        mine = parts[inside] == part
        columns = np.arange(inside[2].start, inside[2].stop)
        over = mine[..., columns >= midline].sum() / mine.sum()
        if over > _MOSTLY:
            labels[inside][mine] = LEFT_KIDNEY.label
        elif over > 1 - _MOSTLY:
            labels[inside][mine & (columns >= midline)] = LEFT_KIDNEY.label


def middle_of(hu: np.ndarray, box: Box) -> float:
    """Find the body's middle: the mean column of all tissue in the slices and rows of a box, at any column.

    Args:
        hu: The whole scan in HU, canonical (k, j, i): a box around one kidney has its own middle, not the body's.
        box: The segmented box.

    Returns:
        Its place along i in voxels from the first column of the box.
    """
    within = hu[box.slices[:2]]
    steps = (max(1, size // _SAMPLED) for size in within.shape[:2])
    tissue = np.count_nonzero(within[tuple(slice(None, None, step) for step in steps)] > TISSUE_HU, axis=(0, 1))
    middle = np.average(np.arange(len(tissue)) + 0.5, weights=tissue) if tissue.any() else len(tissue) / 2
    return float(middle) - box.low[2]
