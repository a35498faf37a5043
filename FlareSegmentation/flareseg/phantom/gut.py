"""Stomach, duodenum, small bowel and colon. Atlas coordinates as in torso.py; rows of (z, y, x, radius) in mm."""

from __future__ import annotations

from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import HalfSpace, Shape, Union, tube
from flareseg.phantom.tissues import PhantomTissue
from flareseg.phantom.torso import ABDOMEN, Layers, apart

STOMACH = (
    (92, 10, 56, 30),
    (78, -15, 58, 34),
    (58, -48, 58, 30),
    (38, -74, 46, 25),
    (24, -84, 18, 21),
    (22, -76, -12, 15),
    (32, -58, -36, 9),
)
CARDIA = ((112, 6, 14, 8), (98, 4, 30, 8), (92, 4, 44, 8))
DUODENUM = (
    (34, -54, -44, 11),
    (26, -40, -50, 11),
    (8, -26, -48, 12),
    (-14, -20, -44, 12),
    (-32, -22, -30, 11),
    (-36, -24, 0, 9),
    (-24, -24, 26, 10),
    (2, -24, 36, 10),
)
COLON = (
    (-150, -10, -95, 21),
    (-100, 0, -102, 21),
    (-55, -6, -100, 21),
    (-28, -30, -92, 20),
    (-34, -62, -70, 18),
    (-40, -82, -30, 18),
    (-38, -86, 15, 18),
    (-15, -80, 60, 18),
    (15, -55, 95, 17),
    (38, -25, 112, 16),
    (10, 12, 110, 14),
    (-40, 20, 108, 13),
    (-100, 8, 104, 13),
    (-150, -5, 92, 13),
)
JEJUNUM_LOOPS = range(8, -28, -18)  # z of the loops left of the midline
ILEUM_LOOPS = range(-28, -160, -18)  # z of the loops across the abdomen
WALL_MM = 2.5


def small_bowel(patient: Patient) -> Layers:
    """Loops that wander from right to left, one above the other."""
    for z in (*JEJUNUM_LOOPS, *ILEUM_LOOPS):
        radius = float(patient.rng.uniform(10, 14))
        first = 22 if z in JEJUNUM_LOOPS else -66
        loop = tube(patient.along([(z, -48, x, radius) for x in range(first, 92, 22)], 13))
        content = PhantomTissue.FLUID if patient.rng.random() < 0.5 else PhantomTissue.FOOD
        yield from _tract(patient, loop, content, gas_share=0.08)


def colon(patient: Patient) -> Layers:
    """The colon, from its ascending to its descending part."""
    yield from _tract(patient, tube(patient.along(COLON, 4), step=12), PhantomTissue.STOOL, gas_share=0.35)


def duodenum(patient: Patient) -> Layers:
    """The C around the head of the pancreas."""
    yield from _tract(patient, tube(patient.along(DUODENUM, 1.5)), PhantomTissue.FLUID, gas_share=0.05)


def stomach(patient: Patient) -> Layers:
    """A thick wall around food, with gas in front (the patient lies on the back)."""
    whole = tube(patient.along(STOMACH, 3))
    level = float(patient.rng.uniform(-85, -65))
    yield from apart(PhantomTissue.GUT_WALL, whole & ABDOMEN.grown(-3))
    lumen = whole.grown(-4) & ABDOMEN.grown(-7)
    yield PhantomTissue.FOOD, lumen
    yield PhantomTissue.GAS, lumen & HalfSpace((0, level, 0), (0, 1, 0))
    yield PhantomTissue.GUT_WALL, tube(CARDIA)


def _tract(patient: Patient, gut: Union, content: PhantomTissue, gas_share: float) -> Layers:
    """A tube of gut and what it holds; ``gas_share`` of its pieces have gas in the front half."""
    yield from apart(PhantomTissue.GUT_WALL, gut & ABDOMEN.grown(-1))
    lumen = ABDOMEN.grown(-1 - WALL_MM)
    yield content, gut.grown(-WALL_MM) & lumen
    for piece in gut.parts():
        if patient.rng.random() < gas_share:
            yield PhantomTissue.GAS, piece.grown(-WALL_MM) & _front_half(piece) & lumen


def _front_half(shape: Shape) -> HalfSpace:
    return HalfSpace((0, float(shape.box[:, 1].mean()) - 2, 0), (0, 1, 0))
