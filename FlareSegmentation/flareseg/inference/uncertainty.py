"""The uncertainty of voxels whose label changed after the network's output was put back."""

from __future__ import annotations

import numpy as np

from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY


def follow_changes(uncertainty: np.ndarray, before: np.ndarray, labels: np.ndarray) -> None:
    """Make the uncertainty that of the final labels, in place.

    A voxel whose first label has the probability p leaves 1 - p for all others: the probability that its new label is
    wrong is p (or a little more, where several organs compete).

    Args:
        uncertainty: Probability in percent that ``before`` is wrong, uint8 (k, j, i).
        before: The labels as they were put back, uint8 (k, j, i).
        labels: The final labels, uint8 (k, j, i); a left kidney apart counts as unchanged.
    """
    for percent, old, new in zip(uncertainty, before, labels):
        changed = np.where(new == LEFT_KIDNEY.label, RIGHT_KIDNEY.label, new) != old
        percent[changed] = 100 - percent[changed]
