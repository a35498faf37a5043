"""The expected memory of a GPU in figures."""

from __future__ import annotations

from flareseg.core.estimate import estimate
from flareseg.core.geometry import Geometry


def test_a_gpu_needs_900_mb_with_the_drivers_part_for_any_scan() -> None:
    """250 MB are PyTorch's, 650 MB are taken by the driver for the process."""
    for slices in (80, 640):
        geometry = Geometry((slices, 512, 512), (2.5, 0.8, 0.8), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))
        assert estimate(geometry, 2, "cuda").gpu_mb == 900
        assert estimate(geometry, 2, "cpu").gpu_mb == 0
