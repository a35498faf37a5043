"""Normalised surface Dice (NSD) in the surfel formulation, at the tolerances of the FLARE challenges."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence

import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.errors import ConfigError
from flareseg.core.organs import ORGANS

# mm by label value: FLARE21 takes 1 mm for every organ, FLARE22 and later differ by organ
TOLERANCES: Mapping[str, Mapping[int, float]] = {
    "flare21": {organ.label: 1.0 for organ in ORGANS},
    "flare22": {1: 5.0, 2: 3.0, 3: 3.0, 4: 5.0},
}


def tolerances_named(name: str) -> Mapping[int, float]:
    """Tolerance in mm by label value. Raises ConfigError."""
    try:
        return TOLERANCES[name]
    except KeyError:
        known = " or ".join(TOLERANCES)
        raise ConfigError(f'Unknown tolerances: "{name}".', f"Give {known}.") from None


def nsd(prediction: np.ndarray, ground_truth: np.ndarray, spacing: Sequence[float], tolerance: float) -> float:
    """Share of both surfaces that lies within ``tolerance`` mm of the other one, 0..1.

    Surface elements and their areas are those of Nikolov et al. (https://arxiv.org/abs/1809.04430), as in DeepMind's
    surface-distance: MONAI's sub-voxel surface Dice. FLARE21's rule for empty cases: 1 when both are empty, 0 when
    only one is.

    Args:
        prediction: Boolean array (k, j, i).
        ground truth: Boolean array (k, j, i) of the same shape.
        spacing: Voxel size along (k, j, i) in mm.
        tolerance: Largest distance in mm that counts as agreement.

    Returns:
        The normalised surface Dice.
    """
    if not prediction.any() or not ground_truth.any():
        return float(prediction.any() == ground_truth.any())
    import torch
    from monai.metrics import compute_surface_dice

    box = box_around(prediction | ground_truth)
    predicted, true = (torch.from_numpy(mask[box])[None, None] for mask in (prediction, ground_truth))  # batch, channel
    with warnings.catch_warnings():
        # MONAI 1.6 passes a deprecated argument to itself
        warnings.filterwarnings("ignore", "monai.metrics.utils get_mask_edges", FutureWarning)
        share = compute_surface_dice(
            predicted, true, [tolerance], include_background=True, spacing=list(spacing), use_subvoxels=True
        )
    return float(share)
