"""Dice of a predicted label map and its ground truth."""

from __future__ import annotations

import numpy as np

from flareseg.core.organs import ORGANS


def dice(prediction: np.ndarray, ground_truth: np.ndarray) -> float:
    """Dice of two boolean arrays of one shape, 0..1: 2 |A and B| / (|A| + |B|).

    FLARE21's rule for empty cases: 1 when both are empty, 0 when only one is.
    """
    total = np.count_nonzero(prediction) + np.count_nonzero(ground_truth)
    return 2 * np.count_nonzero(prediction & ground_truth) / total if total else 1.0


def dice_per_organ(prediction: np.ndarray, ground_truth: np.ndarray) -> dict[int, float]:
    """Dice per label value of ORGANS, for two label maps of one shape."""
    return {organ.label: dice(prediction == organ.label, ground_truth == organ.label) for organ in ORGANS}
