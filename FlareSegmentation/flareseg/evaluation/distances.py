"""Signed distances between the surfaces of a prediction and its ground truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage


def signed_distances(prediction: np.ndarray, ground_truth: np.ndarray, spacing: Sequence[float]) -> np.ndarray:
    """mm from each surface voxel of either mask to the surface of the other, float32; NaN off the surfaces.

    Positive where the prediction goes beyond the ground truth, negative where it misses some of it.
    ``prediction`` and ``ground_truth``: boolean (k, j, i) of one shape, neither empty; ``spacing``: mm along (k, j, i).
    """
    distances = np.full(ground_truth.shape, np.nan, np.float32)
    predicted, true = _surface(prediction), _surface(ground_truth)
    to_prediction = ndimage.distance_transform_edt(~predicted, sampling=spacing)
    to_ground_truth = ndimage.distance_transform_edt(~true, sampling=spacing)
    distances[true] = np.where(prediction, to_prediction, -to_prediction)[true]
    distances[predicted] = np.where(ground_truth, -to_ground_truth, to_ground_truth)[predicted]
    return distances


def projected(distances: np.ndarray, axis: int) -> np.ndarray:
    """The distance of largest size along each line of sight; NaN where a line meets no surface."""
    size = np.nan_to_num(np.abs(distances), nan=-1.0)
    farthest = np.expand_dims(size.argmax(axis=axis), axis)
    return np.take_along_axis(distances, farthest, axis).squeeze(axis)


def _surface(mask: np.ndarray) -> np.ndarray:
    """Voxels of the mask that touch the outside by a face; what lies beyond the array is outside."""
    return mask & ~ndimage.binary_erosion(mask)
