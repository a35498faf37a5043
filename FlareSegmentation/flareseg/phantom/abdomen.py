"""The organs of the task: liver, kidneys, spleen and pancreas, with gallbladder and adrenal glands.

Atlas coordinates as in torso.py: (z, y, x) in mm from the aorta midway between the kidneys; up, back, left.
"""

from __future__ import annotations

from flareseg.phantom import gut, vessels
from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Ellipsoid, HalfSpace, Intersection, Shape, Triple, Union, tube
from flareseg.phantom.tissues import PhantomTissue
from flareseg.phantom.torso import ABDOMEN, Layers, apart

GALLBLADDER = ((42, -42, -64, 6), (28, -58, -74, 12), (12, -70, -80, 14))
HILUM = ((22, -30, -10, 9), (42, -27, -20, 9), (55, -32, -40, 10), (62, -34, -52, 7))  # fat around the portal vein
PANCREAS = (
    (-22, -28, -24, 10),
    (-6, -32, -24, 14),
    (12, -34, -20, 14),
    (28, -42, -8, 10),
    (37, -50, 10, 10),
    (43, -44, 28, 10.5),
    (47, -30, 46, 11),
    (50, -12, 62, 11),
    (52, 4, 77, 9),
)
# Relative to the centre of the left kidney.
RENAL_PELVIS = ((8, -5, -8, 4), (-6, -8, -22, 4), (-40, -8, -38, 2))
RENAL_VEIN = ((4, -8, -12, 3), (6, -18, -30, 4), (8, -36, -66, 5))
# Of the left adrenal gland.
ADRENAL = ((44, 8, 34, 2.5), (52, 18, 36, 3), (46, 28, 42, 2))


def organs(patient: Patient) -> Layers:
    """The abdomen in painting order: where two organs meet, the later one keeps its shape."""
    yield from gut.small_bowel(patient)
    yield from vessels.mesenteric_vessels(patient)
    yield from gut.colon(patient)
    yield from _spleen(patient)
    yield from gut.stomach(patient)
    yield from _liver(patient)
    yield from gut.duodenum(patient)
    yield from _kidneys(patient)
    yield from _adrenals()
    yield from vessels.great_vessels()
    yield from _pancreas(patient)


def _liver(patient: Patient) -> Layers:
    liver = _liver_shape(lowered_mm=float(patient.rng.normal(0, 5)))
    yield from apart(PhantomTissue.LIVER, liver)
    yield from vessels.liver_vessels(patient, liver)
    yield PhantomTissue.FAT, tube(HILUM)
    yield PhantomTissue.FAT, Ellipsoid((52, -84, -22), (26, 22, 2.5), lean=(0, 0.1))  # fissure of the round ligament
    gallbladder = tube(GALLBLADDER)
    yield from apart(PhantomTissue.GUT_WALL, gallbladder)
    yield PhantomTissue.BILE, gallbladder.grown(-1.5)


def _liver_shape(lowered_mm: float) -> Shape:
    """What lies under the diaphragm, above four sloping planes and right of the stomach and the spine."""
    right_edge = HalfSpace((-15 - lowered_mm, 0, -115), (-1, 0.1, 0.87))  # climbs from the lower tip to the hilum
    front_edge = HalfSpace((20 - lowered_mm, -60, 0), (-1, -0.85, 0))
    left_edge = HalfSpace((45 - lowered_mm, 0, -40), (-1, 0, 0.25))
    left_tip = HalfSpace((40 - lowered_mm, 0, 0), (-1, 0, 0.85))
    lobes = Union((Intersection((right_edge, front_edge), 15), Intersection((left_edge, left_tip), 10)), 12)
    spine = HalfSpace((90, -40, 32), (-0.5, 0.72, 1))
    stomach = Ellipsoid((62, 5, 84), (78, 72, 92))
    floor = HalfSpace((-50, 0, 0), (-1, 0, 0))
    return Intersection((lobes, spine, ~stomach, floor, ABDOMEN.grown(-2)), 10)


def _kidneys(patient: Patient) -> Layers:
    for side in (-1, 1):
        z, y, x = centre = patient.near((0, 30, 75 * side))
        lean = (0.3, -0.2 * side)  # upper poles further back and closer together
        kidney = Ellipsoid(centre, patient.sized((53, 27, 29), 0.07), lean, power=2.3)
        yield from apart(PhantomTissue.RENAL_CORTEX, kidney)
        yield from _pyramids(centre, side, kidney)
        yield PhantomTissue.FAT, Ellipsoid((z, y - 8, x - 15 * side), (20, 9, 17), lean)  # the sinus
        for tissue, rows in ((PhantomTissue.FLUID, RENAL_PELVIS), (PhantomTissue.VEIN, RENAL_VEIN)):
            yield tissue, tube([(z + dz, y + dy, x + dx * side, radius) for dz, dy, dx, radius in rows])


def _pyramids(centre: Triple, side: int, kidney: Shape) -> Layers:
    """Medulla: blobs in two rows around the sinus, under a cortex of 6 mm."""
    z, y, x = centre
    for row in (-1, 1):
        for height in range(-36, 37, 18):
            blob = Ellipsoid((z + height, y + 0.3 * height + 9 * row, x + (4 - 0.2 * height) * side), (7, 8, 13))
            yield PhantomTissue.RENAL_MEDULLA, blob & kidney.grown(-6)


def _spleen(patient: Patient) -> Layers:
    outer = Ellipsoid(patient.near((64, 34, 92), 4), patient.sized((42, 58, 50), 0.1), lean=(-0.25, 0.1), power=2.3)
    hollow = Ellipsoid((58, -2, 58), (75, 50, 42))
    yield from apart(PhantomTissue.SPLEEN, Intersection((outer, ~hollow, ABDOMEN.grown(-2)), 10))


def _pancreas(patient: Patient) -> Layers:
    low = float(patient.rng.normal(0, 4))
    rows = [(z + low, y, x, radius) for z, y, x, radius in PANCREAS]
    yield from apart(PhantomTissue.PANCREAS, tube(patient.along(rows, 1.5)))


def _adrenals() -> Layers:
    for side in (-1, 1):
        yield PhantomTissue.ADRENAL, tube([(z, y, x * side, radius) for z, y, x, radius in ADRENAL])
