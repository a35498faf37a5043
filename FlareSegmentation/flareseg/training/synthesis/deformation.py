"""Rotation and elastic deformation of the anatomy."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from flareseg.training.chance import Chance
from flareseg.training.synthesis.config import DeformationConfig
from flareseg.training.synthesis.masks import affine, to_device
from flareseg.training.synthesis.view import View


def deformed(points: Tensor, view: View, settings: DeformationConfig, chance: Chance) -> Tensor:
    """``points`` (3, k, j, i) in mm, turned about the middle of the view and bent smoothly; now and then with a slice
    left out."""
    turned = _rotated(points, view, settings, chance)
    for feature, spread in (
        (settings.coarse_mm, chance.uniform(*settings.coarse_sd_mm)),
        (settings.fine_mm, chance.uniform(*settings.fine_sd_mm)),
    ):
        turned = turned + spread * elastic_deformation(view, feature, chance)
    if chance.happens(settings.missing_slice):
        first, gap = chance.integer(1, view.shape[0] - 1), chance.uniform(*settings.missing_mm)
        turned[0, first:] += gap
    return turned


def elastic_deformation(view: View, feature_mm: float, chance: Chance) -> Tensor:
    """A smooth random displacement (3, k, j, i) of SD 1."""
    size_mm = max(n * mm for n, mm in zip(view.shape, view.voxel))
    return chance.smooth_noise(view.shape, max(2.0, size_mm / feature_mm), 3)


def _rotated(points: Tensor, view: View, settings: DeformationConfig, chance: Chance) -> Tensor:
    middle = [(low + high) / 2 for low, high in zip(view.low, view.high)]
    matrix = np.eye(3)
    for axis, degrees in enumerate(settings.rotation_degrees):
        matrix = matrix @ _turn(axis, math.radians(chance.normal(0, degrees)))
    centred = affine(points, (1, 1, 1), [-c for c in middle]).flatten(1)
    turned = (to_device(matrix.ravel().tolist(), points.device).view(3, 3) @ centred).view(points.shape)
    return affine(turned, (1, 1, 1), middle)


def _turn(axis: int, angle: float) -> np.ndarray:
    """Rotation in the plane of the other two axes."""
    one, other = (a for a in range(3) if a != axis)
    matrix = np.eye(3)
    matrix[one, one] = matrix[other, other] = math.cos(angle)
    matrix[one, other], matrix[other, one] = -math.sin(angle), math.sin(angle)
    return matrix
