"""Synthetic CTs of heads, necks, chests, pelves, hips and thighs: scans without an abdomen, for tests of refusals.

Shapes as in flareseg.phantom, in mm: (z, y, x) up, back and left, from a landmark of each part of the body.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from flareseg.core.volume import Volume
from flareseg.phantom import torso
from flareseg.phantom.grid import ATLAS_CENTRE, Grid
from flareseg.phantom.image import hu_image
from flareseg.phantom.paint import Deformation, Rigid, paint
from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Column, Ellipsoid, Points, Shape, tube
from flareseg.phantom.tissues import PhantomTissue as T
from flareseg.phantom.torso import Layers

SHAPE, SPACING = (60, 100, 128), (4.0, 4.0, 4.0)  # voxels and mm, (k, j, i)


def make_station(part: str, seed: int) -> Volume:
    """Patient number ``seed`` in the part of the body with this name, one of STATIONS."""
    station = STATIONS[part]
    grid, patient = Grid((round(station.height_mm / SPACING[0]), *SHAPE[1:]), SPACING), Patient.drawn_from(seed)
    tissues = np.full(grid.shape, T.AIR, np.uint8)
    paint(tissues, list(torso.couch()), grid, Rigid())
    paint(tissues, list(station.layers(patient)), grid, _Raised(Deformation(patient), station.middle_mm))
    return Volume(hu_image(tissues, grid, patient), grid.geometry(), part)


@dataclass(frozen=True)
class Station:
    """``layers`` in painting order; ``middle_mm``: z at the middle of the scan, ``height_mm`` of the scan."""

    layers: Callable[[Patient], Layers]
    middle_mm: float
    height_mm: float = 240.0


class _Raised:
    """A mapping to atlas coordinates whose middle lies at another z."""

    def __init__(self, mapping: Deformation, middle_mm: float) -> None:
        self._mapping, self._up, self.reach = mapping, middle_mm - ATLAS_CENTRE[0], mapping.reach

    def straight(self, axes: Points) -> Points:
        z, y, x = self._mapping.straight(axes)
        return z + self._up, y, x

    def points(self, axes: Points) -> Points:
        z, y, x = self._mapping.points(axes)
        return z + np.float32(self._up), y, x


def _head(patient: Patient) -> Layers:
    """Neck, face and skull; z = 0 in the middle of the brain."""
    yield from _neck()
    yield from _face()
    skull = Ellipsoid((0, 0, 0), patient.sized((75, 93, 76), 0.06))
    yield T.SKIN, skull.grown(6)
    yield T.FAT, skull.grown(4)
    yield T.CORTICAL_BONE, skull
    yield T.FLUID, skull.grown(-7)
    yield T.CORD, skull.grown(-10)  # brain has about its HU
    for side in (-1, 1):
        yield T.FLUID, tube(((10, -40, 10 * side, 4), (22, 0, 14 * side, 6), (5, 40, 20 * side, 5)))  # ventricles
        yield T.FAT, Ellipsoid((-32, -78, 32 * side), (16, 18, 16))
        yield T.FLUID, Ellipsoid((-32, -84, 32 * side), (12, 12, 12))


def _neck() -> Layers:
    below = Ellipsoid((-160, 0, 0), (125, 200, 200), power=8)
    neck = Column(((-200.0, -75.0, 95.0, 70.0), (-120.0, -60.0, 85.0, 58.0), (-60.0, -60.0, 80.0, 55.0)))
    yield T.SKIN, neck & below
    yield T.FAT, neck.grown(-2) & below
    yield T.MUSCLE, neck.grown(-6) & below


def _face() -> Layers:
    face = Ellipsoid((-70, -45, 0), (80, 62, 66), power=3)
    yield T.SKIN, face
    yield T.FAT, face.grown(-2)
    yield T.MUSCLE, face.grown(-8)
    yield from _bone(tube(((-95, -60, -48, 9), (-112, -88, 0, 11), (-95, -60, 48, 9))))
    for side in (-1, 1):
        yield from _bone(Ellipsoid((-52, -62, 26 * side), (20, 20, 18)))
        yield T.GAS, Ellipsoid((-52, -62, 26 * side), (17, 17, 15))
    yield T.GAS, tube(((-70, -20, 0, 9), (-130, -15, 0, 8), (-240, -15, 0, 8)))
    for z in range(-210, -70, 18):
        yield from _bone(Ellipsoid((z, 22, 0), (8, 11, 14), power=4))
    yield T.CORD, tube(((-70, 42, 0, 6), (-240, 42, 0, 6)))


def _chest(patient: Patient) -> Layers:
    """The chest of the abdominal phantom, in its coordinates."""
    yield from torso.wall(patient)
    yield from torso.chest(patient)
    yield from torso.muscles()
    yield from torso.skeleton()


def _pelvis(patient: Patient) -> Layers:
    """Pelvis and hips with bladder and bowel; z = 0 at the hip joints."""
    body = Column(((-250.0, -110.0, 120.0, 185.0), (0.0, -115.0, 125.0, 190.0), (150.0, -110.0, 105.0, 165.0)))
    inside = (
        (-250.0, -20.0, 10.0, 10.0),
        (-60.0, -50.0, 40.0, 50.0),
        (0.0, -75.0, 55.0, 75.0),
        (150.0, -80.0, 60.0, 115.0),
    )
    yield T.SKIN, body
    yield T.FAT, body.grown(-2)
    yield T.MUSCLE, body.grown(-4 - patient.fat_mm)
    yield T.FAT, Column(inside)
    for side in (-1, 1):
        yield from _hip(side)
    yield from _bone(Ellipsoid((70, 75, 0), (60, 22, 50), lean=(-0.4, 0)))  # sacrum
    bladder = Ellipsoid(patient.near((15, -35, 0), 6), patient.sized((30, 32, 42), 0.4))
    yield from _hollow(bladder, T.FLUID)
    yield from _hollow(tube(((-60, 45, 0, 18), (30, 45, 5, 20), (90, 20, 40, 18))), T.STOOL)
    for _ in range(14):
        start = patient.near((95, -35, 0), 40)
        yield from _hollow(tube(((*start, 12), (*patient.near(start, 25), 12))), T.FLUID)


def _hip(side: int) -> Layers:
    thigh = ((0, 10, 98 * side, 18), (-20, 15, 140 * side, 18), (-160, 5, 130 * side, 15), (-300, 0, 120 * side, 14))
    yield from _bone(Ellipsoid((95, 25, 105 * side), (60, 62, 12), lean=(-0.2, 0.45 * side)))
    yield from _bone(Ellipsoid((0, 10, 85 * side), (40, 32, 20)))
    yield from _bone(tube(thigh), 5)
    yield from _bone(tube(((-20, -35, 60 * side, 9), (-35, -55, 5 * side, 9))))
    yield from _bone(tube(((-20, 10, 75 * side, 12), (-75, 25, 55 * side, 14))))
    yield T.ARTERY, tube(((150, 0, 45 * side, 5), (40, -40, 70 * side, 5), (-60, -60, 85 * side, 5)))
    yield T.VEIN, tube(((150, 12, 42 * side, 6), (40, -32, 66 * side, 6), (-60, -52, 80 * side, 6)))


def _thighs(patient: Patient) -> Layers:
    for side in (-1, 1):
        thigh = Column(((-200.0, -70.0, 70.0, 62.0), (200.0, -95.0, 90.0, 88.0)), middle=95.0 * side)
        yield T.SKIN, thigh
        yield T.FAT, thigh.grown(-2)
        yield T.MUSCLE, thigh.grown(-2 - patient.fat_mm / 1.5)
        yield from _bone(tube(((-220, 0, 95 * side, 14), (220, -10, 110 * side, 14))), 7)
        yield T.ARTERY, tube(((-220, 15, 70 * side, 4), (220, -40, 80 * side, 5)))
        yield T.VEIN, tube(((-220, 22, 66 * side, 5), (220, -36, 72 * side, 6)))


def _bone(shape: Shape, shell_mm: float = 3.0) -> Layers:
    yield T.CORTICAL_BONE, shape
    yield T.SPONGY_BONE, shape.grown(-shell_mm)


def _hollow(shape: Shape, content: T) -> Layers:
    yield T.GUT_WALL, shape
    yield content, shape.grown(-3)


STATIONS = {
    "head": Station(_head, 0.0),
    "neck": Station(_head, -130.0),
    "chest": Station(_chest, 220.0, 140.0),
    "pelvis": Station(_pelvis, 20.0),
    "hips": Station(_pelvis, -110.0),
    "thighs": Station(_thighs, 0.0),
}
