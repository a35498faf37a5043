"""Arteries and veins. Atlas coordinates as in torso.py; rows of (z, y, x, radius) in mm."""

from __future__ import annotations

from flareseg.phantom.patient import Patient
from flareseg.phantom.shapes import Shape, Triple, tube
from flareseg.phantom.tissues import PhantomTissue
from flareseg.phantom.torso import ABDOMEN, Layers, apart

AORTA = (
    (-85, -6, 4, 9),
    (-45, -7, 3, 9.5),
    (0, 0, 5, 10),
    (45, 12, 8, 11),
    (75, 19, 10, 11.5),
    (110, 27, 11, 12),
    (160, 38, 16, 12.5),
    (260, 40, 20, 13),
)
LEFT_ILIAC_ARTERY = ((-85, -6, 4, 8), (-110, 2, 18, 7), (-200, -2, 42, 6))
RIGHT_ILIAC_ARTERY = ((-85, -6, 4, 8), (-110, 2, -14, 7), (-200, -2, -42, 6))
SUPERIOR_MESENTERIC_ARTERY = ((30, 6, 7, 4), (22, -14, 5, 4), (-10, -20, 4, 4), (-70, -26, 2, 3))
COELIAC_TRUNK = ((42, 8, 8, 3.5), (46, -10, 6, 3.5), (48, -20, 0, 3.5))

VENA_CAVA = (
    (-110, 4, -22, 11),
    (-45, -4, -20, 11),
    (0, -4, -21, 11.5),
    (45, -2, -26, 12),
    (75, -1, -28, 13),
    (112, -9, -24, 13),
)
LEFT_ILIAC_VEIN = ((-110, 4, -22, 9), (-200, 2, 48, 9))
RIGHT_ILIAC_VEIN = ((-110, 4, -22, 9), (-200, 0, -42, 9))
PORTAL_VEIN = ((22, -30, -10, 7), (42, -27, -20, 7), (55, -32, -40, 7), (62, -34, -52, 5))
SUPERIOR_MESENTERIC_VEIN = ((-70, -30, -6, 4), (-20, -26, -4, 5), (12, -24, -6, 6), (22, -30, -10, 7))
SPLENIC_VEIN = (
    (28, -26, -8, 5),
    (41, -36, 14, 4),
    (47, -32, 32, 4),
    (51, -18, 50, 4),
    (54, -2, 66, 4),
    (56, 14, 80, 3),
)

PORTAL_ENDS = (
    (85, -30, -110),
    (30, -5, -115),
    (75, 35, -95),
    (40, -50, -105),
    (85, -65, -25),
    (70, -75, 5),
    (60, 20, -85),
)
HEPATIC_ENDS = ((60, 10, -115), (65, -55, -75), (75, -70, 5), (45, 30, -100))


def great_vessels() -> Layers:
    """Aorta and vena cava with their large branches."""
    for vein in (RIGHT_ILIAC_VEIN, LEFT_ILIAC_VEIN, VENA_CAVA, PORTAL_VEIN, SPLENIC_VEIN, SUPERIOR_MESENTERIC_VEIN):
        yield from apart(PhantomTissue.VEIN, tube(vein))
    for artery in (RIGHT_ILIAC_ARTERY, LEFT_ILIAC_ARTERY, COELIAC_TRUNK, SUPERIOR_MESENTERIC_ARTERY, AORTA):
        yield from apart(PhantomTissue.ARTERY, tube(artery))


def liver_vessels(patient: Patient, liver: Shape) -> Layers:
    """Portal branches from the hilum and hepatic veins to the vena cava, inside the liver."""
    for mouth, ends in (((62, -34, -52), PORTAL_ENDS), ((108, -8, -28), HEPATIC_ENDS)):
        for end in ends:
            yield PhantomTissue.LIVER_VESSEL, branch(patient, mouth, end, 6) & liver.grown(-4)


def mesenteric_vessels(patient: Patient) -> Layers:
    """Branches that fan out to the small bowel."""
    for _ in range(16):
        end = patient.near((-80, -45, 0), 40)
        yield PhantomTissue.VEIN, branch(patient, (-20, -28, -4), end, 3) & ABDOMEN


def branch(patient: Patient, start: Triple, end: Triple, radius: float) -> Shape:
    """A vessel that bends at random on its way to a place near ``end`` and narrows to a third."""
    z, y, x = ((a + b) / 2 for a, b in zip(start, end))
    return tube(
        (
            (*start, radius),
            (*patient.near((z, y, x), 5), radius * 0.7),
            (*patient.near(end, 6), radius / 3),
        )
    )
