"""Painting of shapes into a tissue map, layer by layer and slab by slab, in deformed space."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from flareseg.phantom.field import SmoothField
from flareseg.phantom.grid import ATLAS_CENTRE, Grid
from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Points, Shape
from flareseg.phantom.tissues import PhantomTissue

# The bends of a body: (size of the features, standard deviation), both in mm, and where they are cut off.
BENDS = ((70.0, 4.5), (24.0, 1.0))
LARGEST_SD = 3.0


class Mapping(Protocol):
    """A mapping from scan coordinates to atlas coordinates, both in mm."""

    reach: float

    def straight(self, axes: Points) -> Points:
        """1-D atlas coordinates of the 1-D scan coordinates ``axes``, at most ``reach`` mm off."""

    def points(self, axes: Points) -> Points:
        """Atlas coordinates of the grid of ``axes``: three float32 arrays that broadcast to (k, j, i)."""


class Rigid:
    """The scanner's own frame: what lies on the table moves and bends, the table does not."""

    reach = 0.0

    def straight(self, axes: Points) -> Points:
        z, y, x = (axis + centre for axis, centre in zip(axes, ATLAS_CENTRE))
        return z, y, x

    def points(self, axes: Points) -> Points:
        return _grid(self.straight(axes))


class Deformation:
    """A patient's size, then smooth random bends that make drawn shapes look grown."""

    def __init__(self, patient: Patient) -> None:
        self._scale = patient.scale
        self._bends = [[(SmoothField(patient.rng, *bend), LARGEST_SD * bend[1]) for bend in BENDS] for _ in range(3)]
        self.reach = LARGEST_SD * sum(sd for _, sd in BENDS)

    def straight(self, axes: Points) -> Points:
        z, y, x = (axis / scale + centre for axis, scale, centre in zip(axes, self._scale, ATLAS_CENTRE))
        return z, y, x

    def points(self, axes: Points) -> Points:
        z, y, x = (
            sum((np.clip(field.on(axes), -most, most) for field, most in bends), start)
            for bends, start in zip(self._bends, _grid(self.straight(axes)))
        )
        return z, y, x


def _grid(axes: Points) -> Points:
    z, y, x = np.meshgrid(*(axis.astype(np.float32) for axis in axes), indexing="ij", copy=False)
    return z, y, x


def paint(
    tissues: np.ndarray,
    layers: Sequence[tuple[PhantomTissue, Shape]],
    grid: Grid,
    mapping: Mapping,
    progress: Callable[[float], object] = lambda fraction: None,
) -> None:
    """Write the layers, in their order, into ``tissues``: a uint8 (k, j, i) map of ``PhantomTissue`` on ``grid``.

    ``progress`` is called with the fraction 0..1 that is done.
    """
    parts = [(tissue, part) for tissue, shape in layers for part in shape.parts()]
    for slab in grid.slabs():
        axes = grid.axes(slab)
        points, straight = mapping.points(axes), mapping.straight(axes)
        for n, (tissue, shape) in enumerate(parts, start=1):
            _paint_shape(tissues[slab], tissue, shape, points, _window(straight, shape.box, mapping.reach))
            progress((slab.start + (slab.stop - slab.start) * n / len(parts)) / grid.shape[0])


def _window(straight: Points, box: np.ndarray, reach: float) -> tuple[slice, ...]:
    """The part of the grid that may lie inside ``box``."""
    low, high = box[0] - reach, box[1] + reach
    return tuple(slice(*np.searchsorted(axis, ends)) for axis, ends in zip(straight, zip(low, high)))


def _paint_shape(
    tissues: np.ndarray, tissue: PhantomTissue, shape: Shape, points: Points, window: tuple[slice, ...]
) -> None:
    z, y, x = (p[window] for p in points)
    if z.size:
        tissues[window][shape.distance((z, y, x)) < 0] = tissue
