"""Separation of the left and the right kidney."""

from __future__ import annotations

import cc3d
import numpy as np
import torch
from torch import Tensor

from flareseg.core.boxes import box_around
from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY

TISSUE_HU = -150.0  # fat and all that is denser
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


def middle_of(crop: Tensor) -> float:
    """Where the body's middle lies along i, 0..1 of the crop: the mean column of all tissue."""
    tissue = (crop > TISSUE_HU).float().sum(dim=(0, 1))
    columns = torch.arange(len(tissue), device=tissue.device) + 0.5
    return float((tissue @ columns) / tissue.sum() / len(tissue)) if float(tissue.sum()) else 0.5
