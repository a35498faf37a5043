"""Normalised surface Dice (NSD) in the surfel formulation, at the tolerances of the FLARE challenges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from flareseg.core.boxes import box_around
from flareseg.core.errors import FlareError
from flareseg.core.organs import ORGANS

# mm by label value: FLARE21 takes 1 mm for every organ, FLARE22 and later differ by organ
TOLERANCES: Mapping[str, Mapping[int, float]] = {
    "flare21": {organ.label: 1.0 for organ in ORGANS},
    "flare22": {1: 5.0, 2: 3.0, 3: 3.0, 4: 5.0},
}


def tolerances_named(name: str) -> Mapping[int, float]:
    """Tolerance in mm by label value. Raises FlareError("bad_config")."""
    try:
        return TOLERANCES[name]
    except KeyError:
        known = " or ".join(TOLERANCES)
        raise FlareError("bad_config", f'There are no tolerances named "{name}".', f"Give {known}.") from None


def nsd(prediction: np.ndarray, ground_truth: np.ndarray, spacing: Sequence[float], tolerance: float) -> float:
    """Share of both surfaces that lies within ``tolerance`` mm of the other one, 0..1.

    ``prediction`` and ``ground_truth``: boolean (k, j, i) arrays of one shape; ``spacing``: mm along (k, j, i).
    FLARE21's rule for empty cases: 1 when both are empty, 0 when only one is.
    """
    if not prediction.any() or not ground_truth.any():
        return float(prediction.any() == ground_truth.any())
    import surface_distance

    box = box_around(prediction | ground_truth)
    distances = surface_distance.compute_surface_distances(ground_truth[box], prediction[box], tuple(spacing))
    return float(surface_distance.compute_surface_dice_at_tolerance(distances, tolerance))
