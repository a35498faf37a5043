"""Values that are not Hounsfield units are recognised by what every CT of a body holds; true CTs are accepted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from flareseg.core.errors import FlareError
from flareseg.core.volume import Volume, checked
from flareseg.phantom import Phantom

Change = Callable[[np.ndarray], np.ndarray]


def outside_circle(voxels: np.ndarray, value: float) -> np.ndarray:
    """The voxels with ``value`` outside the scanner's round field of view."""
    _, rows, columns = voxels.shape
    y, x = np.mgrid[:rows, :columns]
    outside = (y - rows / 2) ** 2 + (x - columns / 2) ** 2 > (rows / 2 - 1) ** 2
    padded = voxels.copy()
    padded[:, outside] = value
    return padded


def with_metal(hu: np.ndarray) -> np.ndarray:
    """A hip prosthesis: 1 % of the voxels at the scanner's upper end."""
    voxels = hu.copy()
    voxels[:8, 40:60, 40:60] = 3071
    return voxels


NO_HU: dict[str, Change] = {
    "HU + 1024": lambda hu: np.clip(hu + 1024, 0, None),
    "HU + 1024, padded with -2000": lambda hu: outside_circle(hu + 1024, -2000),
    "HU + 1024, padded with -3024": lambda hu: outside_circle(hu + 1024, -3024),
    "HU + 1000, padded with -1000, which looks like air": lambda hu: outside_circle(hu + 1000, -1000),
    "HU + 1024 with noise below zero": lambda hu: hu + 1010,
    "0 to 1": lambda hu: ((hu + 1024) / 4095).astype(np.float32),
    "0 to 1, padded with -1000": lambda hu: outside_circle(((hu + 1024) / 4095).astype(np.float32), -1000),
    "-1 to 1": lambda hu: (hu / 1024).astype(np.float32),
    "an 8-bit window": lambda hu: np.clip((hu + 160) * 255 // 400, 0, 255).astype(np.uint8),
}


@pytest.mark.parametrize("change", NO_HU.values(), ids=NO_HU)
def test_values_that_are_not_hounsfield_units_are_refused(change: Change, phantom: Phantom) -> None:
    scan = phantom.volume
    with pytest.raises(FlareError, match="not Hounsfield units") as caught:
        checked(Volume(change(scan.voxels), scan.geometry))
    assert "rescale slope" in caught.value.hint


TRUE_HU: dict[str, Change] = {
    "12 bit, -1024 to 3071": lambda hu: np.clip(hu, -1024, 3071),
    "padded with -2000": lambda hu: outside_circle(hu, -2000),
    "padded with -3024": lambda hu: outside_circle(hu, -3024),
    "padded with 0": lambda hu: outside_circle(hu, 0),
    "metal": with_metal,
    "as float": lambda hu: hu.astype(np.float64),
    "the inside of the body alone": lambda hu: hu[20:60, 44:84, 44:84],
}


@pytest.mark.parametrize("change", TRUE_HU.values(), ids=TRUE_HU)
def test_true_cts_are_taken_without_a_word_about_units(change: Change, phantom: Phantom) -> None:
    voxels = change(phantom.volume.voxels)
    geometry = phantom.volume.geometry
    told = checked(Volume(voxels, type(geometry)(voxels.shape, geometry.spacing, geometry.direction, geometry.origin)))
    assert [warning for warning in told.warnings if "Hounsfield" in warning] == []
