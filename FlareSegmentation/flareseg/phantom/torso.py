"""The body around the organs: wall, lungs, heart, diaphragm, skeleton, table.

Atlas coordinates, in mm: (z, y, x) from the aorta midway between the kidneys; z up, y to the back, x to the left.
The numbers are rounded, typical positions of adults lying on their back.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Below, Capsule, Column, Ellipsoid, HalfSpace, Points, Shape, TubeRow, Union, tube
from flareseg.phantom.tissues import PhantomTissue

Layers = Iterator[tuple[PhantomTissue, Shape]]

# Inside of the abdominal wall and rib cage: (z, front y, back y, half width).
CAVITY = Column(
    (
        (-200.0, -92.0, 62.0, 118.0),
        (-110.0, -96.0, 64.0, 124.0),
        (-40.0, -106.0, 68.0, 132.0),
        (20.0, -112.0, 76.0, 142.0),
        (80.0, -112.0, 84.0, 146.0),
        (140.0, -102.0, 92.0, 140.0),
        (210.0, -80.0, 96.0, 122.0),
        (260.0, -60.0, 92.0, 95.0),
    )
)
SPINE = ((-250, -120, -60, 0, 60, 130, 200, 280), (72, 42, 27, 32, 42, 58, 68, 68))  # z and y of the bodies
VERTEBRAE_MM = 31.0  # from one vertebral body to the next, disc included
RIBS_MM = 27.0  # from one rib to the next
RIB_RADIUS_MM = 6.0
# Of the 12th rib, 11th, ...: how far it reaches from the spine (degrees), and how far its cartilage does.
RIB_ENDS = ((62, 62), (92, 92), (122, 138), (132, 156), (138, 166), (140, 172), (142, 174), (144, 174))


# Tubes, rows of (z, y, x, radius); muscles of the left side.
OESOPHAGUS = ((85, 0, 12, 8), (105, 2, 10, 8), (150, 18, 8, 8), (250, 40, 2, 8))
PSOAS = ((55, 38, 20, 6), (0, 34, 32, 12), (-80, 28, 42, 19), (-200, 12, 66, 22))
CRUS = ((95, 18, 6, 4), (50, 12, 14, 6), (10, 10, 16, 3))
QUADRATUS = ((30, 64, 58, 8), (-30, 60, 66, 13), (-95, 58, 72, 13))
GAP_MM = 1.5  # fat between neighbouring organs


def diaphragm_height(points: Points) -> np.ndarray:
    """z of the diaphragm in mm: two domes, the right one higher, falling towards the wall of the cavity."""
    (dy, dx), (ry, rx) = CAVITY.frame(points)
    out = np.minimum((dy / ry) ** 2 + (dx / rx) ** 2, 1)
    right, left = np.exp(-(((dx + 72) / 58) ** 2)), np.exp(-(((dx - 70) / 50) ** 2))
    top = 98 + 28 * right + 18 * left
    rim = 45 - np.float32(0.4) * dy
    return rim + (top - rim) * np.sqrt(1 - out**4)


DIAPHRAGM = Below(diaphragm_height, top=135.0)
ABDOMEN = DIAPHRAGM & CAVITY


def apart(tissue: PhantomTissue, shape: Shape) -> Layers:
    """An abdominal organ with a thin layer of fat around it, so that it touches nothing painted before."""
    yield PhantomTissue.FAT, shape.grown(GAP_MM) & ABDOMEN
    yield tissue, shape


def couch() -> Layers:
    """The table: a shallow curved shell with foam inside."""
    top, bottom = (Column(((0.0, -450.0, back, 480.0),), power=2) for back in (128.0, 150.0))
    board = bottom & ~top & HalfSpace((0, 92, 0), (0, -1, 0))
    yield PhantomTissue.TABLE_SHELL, board
    yield PhantomTissue.TABLE_FOAM, board.grown(-3)


def wall(patient: Patient) -> Layers:
    """Skin, fat under it, the muscle wall, and the fat inside."""
    muscle = [(z, front - 10, back + 30, half + 14) for z, front, back, half in CAVITY.sections]
    fat = patient.fat_mm
    body = Column(tuple((z, front - fat, back + 5 + fat / 3, half + 0.8 * fat) for z, front, back, half in muscle))
    yield PhantomTissue.SKIN, body
    yield PhantomTissue.FAT, body.grown(-2)
    yield PhantomTissue.MUSCLE, Column(tuple(muscle))
    yield PhantomTissue.FAT, CAVITY


def chest(patient: Patient) -> Layers:
    """Lungs, mediastinum with heart and oesophagus, diaphragm; then the fat of the abdomen under it."""
    yield PhantomTissue.LUNG, CAVITY & ~DIAPHRAGM
    yield from _lung_vessels(patient)
    mediastinum = Column(((90.0, -130.0, 90.0, 30.0), (200.0, -110.0, 80.0, 34.0)), middle=6.0)
    heart = Ellipsoid(patient.near((150, -50, 28)), (50, 46, 60), lean=(0.1, -0.3))
    yield PhantomTissue.FAT, mediastinum & CAVITY
    yield PhantomTissue.FAT, heart.grown(4) & CAVITY
    yield PhantomTissue.HEART, heart & CAVITY.grown(-3)
    yield PhantomTissue.MUSCLE, DIAPHRAGM.grown(3) & CAVITY
    yield PhantomTissue.FAT, ABDOMEN
    yield PhantomTissue.MUSCLE, tube(OESOPHAGUS)


def muscles() -> Layers:
    """Psoas, crura of the diaphragm, square muscles of the loins, and the long ones beside the spine."""
    for side in (-1, 1):
        for rows in (PSOAS, CRUS, QUADRATUS):
            yield PhantomTissue.MUSCLE, tube([(z, y, x * side, radius) for z, y, x, radius in rows])
        yield PhantomTissue.MUSCLE, _along_spine(42, 32 * side, 23)


def skeleton() -> Layers:
    """Vertebrae, ribs and the wings of the pelvis: a dense shell with spongy bone inside."""
    for n in range(-7, 9):
        yield from _vertebra(15 + n * VERTEBRAE_MM)
    yield PhantomTissue.CORD, _along_spine(29, 0, 7)
    for n, ends in enumerate(RIB_ENDS):
        for side in (-1, 1):
            yield from _rib(46 + n * RIBS_MM, side, *ends)
    for side in (-1, 1):
        wing = Ellipsoid((-150, 22, 98 * side), (58, 60, 11), lean=(-0.2, 0.45 * side))
        yield PhantomTissue.CORTICAL_BONE, wing
        yield PhantomTissue.SPONGY_BONE, wing.grown(-3)


def _spine_y(z: float) -> float:
    """y of the middle of the vertebral bodies in mm: lordosis below, kyphosis above."""
    return float(np.interp(z, *SPINE))


def _along_spine(behind: float, x: float, radius: float) -> Union:
    return tube([(z, y + behind, x, radius) for z, y in zip(*SPINE)])


def _lung_vessels(patient: Patient) -> Layers:
    for side in (-1, 1):
        for _ in range(14):
            end = patient.near((170, 10, 90 * side), 32)
            rows = ((190, 5, 40 * side, 6), (*patient.near(end, 12), 3), (*end, 1.5))
            yield PhantomTissue.LUNG_VESSEL, tube(rows) & ~DIAPHRAGM


def _vertebra(z: float) -> Layers:
    y = _spine_y(z)
    yield PhantomTissue.DISC, Ellipsoid((z + VERTEBRAE_MM / 2, y, 0), (7, 17, 22), power=4)
    body = Ellipsoid((z, y, 0), (13, 17, 22), power=5)
    arch = [Capsule((z - 4, y + 20, 16 * s), (z - 6, y + 44, 4 * s), (6, 5)) for s in (-1, 1)]
    processes = [Capsule((z, y + 24, 16 * s), (z, y + 30, 42 * s), (5, 4)) for s in (-1, 1)]
    spinous = Capsule((z - 6, y + 44, 0), (z - 14, y + 66, 0), (5, 4))
    for bone in (body, *arch, *processes, spinous):
        yield PhantomTissue.CORTICAL_BONE, bone
        yield PhantomTissue.SPONGY_BONE, bone.grown(-2.5)


def _rib(z: float, side: int, bone_end: float, cartilage_end: float) -> Layers:
    bone = tube([_on_cage(z, side, angle) for angle in np.linspace(18, bone_end, 8)])
    if cartilage_end > bone_end:
        yield PhantomTissue.CARTILAGE, tube([_on_cage(z, side, a) for a in np.linspace(bone_end, cartilage_end, 5)])
    yield PhantomTissue.CORTICAL_BONE, bone
    yield PhantomTissue.SPONGY_BONE, bone.grown(-2.5)


def _on_cage(z: float, side: int, angle: float) -> TubeRow:
    """A point on a rib that leaves the spine at ``z``, ``angle`` degrees round from the back: it slopes down to the
    side, and its cartilage climbs to the breastbone."""
    z -= 62 * np.sin(np.radians(min(angle, 125) * 90 / 125)) - 0.9 * max(angle - 125, 0)
    front, back, half = (float(value) for value in CAVITY.section(np.array(z)))
    sin, cos = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    y = (front + back) / 2 + ((back - front) / 2 + 5) * np.sign(cos) * abs(cos) ** 0.8
    return (float(z), float(y), float(side * (half + 5) * sin**0.8), RIB_RADIUS_MM)
