"""Conversion of tissues to HU: mean and texture of each tissue, the scanner's point spread, its noise."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from flareseg.phantom.field import SmoothField
from flareseg.phantom.grid import Grid
from flareseg.phantom.patient import Patient
from flareseg.phantom.tissues import hu_tables

POINT_SPREAD_VOXELS = 0.55  # standard deviation, along every axis: thick slices blur as much as they are thick
TEXTURE_MM = 12.0
HU_RANGE = (-1024, 1500)


def hu_image(tissues: np.ndarray, grid: Grid, patient: Patient) -> np.ndarray:
    """int16 (k, j, i) HU of a tissue map of the same shape."""
    mean, texture = hu_tables(patient.phase, patient.rng)
    coarse = SmoothField(patient.rng, TEXTURE_MM, 0.8)
    image = np.empty(tissues.shape, np.float32)
    for slab in grid.slabs():
        fine = gaussian_filter(patient.rng.standard_normal(image[slab].shape, np.float32), 0.8)
        fine *= 0.6 / fine.std()
        image[slab] = mean[tissues[slab]] + texture[tissues[slab]] * (fine + coarse.on(grid.axes(slab)))
    gaussian_filter(image, POINT_SPREAD_VOXELS, output=image)
    result = np.empty(tissues.shape, np.int16)
    for slab in grid.slabs():
        noise = patient.noise_hu * patient.rng.standard_normal(image[slab].shape, np.float32)
        np.rint(np.clip(image[slab] + noise, *HU_RANGE), out=result[slab], casting="unsafe")
    return result
