"""Smooth random fields: cubic B-splines on a lattice in mm, so that a seed gives the same field on any grid."""

from __future__ import annotations

import numpy as np

Axes = tuple[np.ndarray, np.ndarray, np.ndarray]

PERIOD_MM = 768.0  # the field repeats after this; longer than an abdominal CT
_AXIS_SD = 0.692  # of a cubic B-spline sum over independent unit normals, along one axis (square root of 151 / 315)


class SmoothField:
    """A random scalar field with features of about ``lattice`` mm and a standard deviation of about ``sd``."""

    def __init__(self, rng: np.random.Generator, lattice: float, sd: float) -> None:
        self._count = round(PERIOD_MM / lattice)
        self._knots = rng.standard_normal((self._count,) * 3, np.float32) * np.float32(sd / _AXIS_SD**3)

    def on(self, axes: Axes) -> np.ndarray:
        """The field on the grid of the 1-D coordinates ``axes`` (z, y, x in mm), as a float32 (k, j, i) array."""
        along_z, along_y, along_x = (self._weights(axis) for axis in axes)
        return (along_y @ np.tensordot(along_z, self._knots, 1)) @ along_x.T

    def _weights(self, axis: np.ndarray) -> np.ndarray:
        """(points, knots) cubic B-spline weights along one axis."""
        from_knot = axis[:, None] * (self._count / PERIOD_MM) - np.arange(self._count)
        distance = np.abs((from_knot + self._count / 2) % self._count - self._count / 2)
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = np.maximum(2 - distance, 0) ** 3 / 6
        return np.where(distance < 1, near, far).astype(np.float32)
