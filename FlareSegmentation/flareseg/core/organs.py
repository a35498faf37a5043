"""The table of organs: label value, name, SNOMED CT code, colour, plausible volume, parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flareseg.core.errors import JobError


@dataclass(frozen=True)
class Code:
    """A concept of SNOMED CT as DICOM writes it: value and meaning (the scheme is SCT)."""

    value: str
    meaning: str


@dataclass(frozen=True)
class Organ:
    """One organ of the FLARE21 task.

    ``colour`` is RGB, 0 to 255, in Slicer, in previews and in figures. The colours of Slicer's terminology, in which
    liver, kidneys and pancreas are shades of brown, are hard to tell apart as outlines; any two of these differ by 30
    in CIELAB, seen by people with deuteranopia, too.

    ``plausible_ml`` bounds an adult's volume in mL, wide enough for common disease (splenomegaly,
    an atrophic pancreas): a volume outside it gives a warning, nothing more. ``plausible_hu`` does so for the mean HU,
    from fatty infiltration (which spares kidneys and spleen) to contrast medium at a low tube voltage, and
    ``most_spread_hu`` for the standard deviation that is the organ's own, without the noise. ``max_parts`` is the
    number of connected components that anatomy allows; the pancreas may be cut into head, body
    and tail by thick slices.
    """

    label: int
    name: str
    code: Code
    modifier: Code | None
    colour: tuple[int, int, int]
    plausible_ml: tuple[float, float]
    max_parts: int
    plausible_hu: tuple[float, float]
    most_spread_hu: float

    @property
    def terminology_entry(self) -> str:
        """Slicer's serialised terminology entry (category, type, modifier; no anatomic region)."""
        modifier = f"SCT^{self.modifier.value}^{self.modifier.meaning}" if self.modifier else "^^"
        return (
            "Segmentation category and type - DICOM master list"
            "~SCT^123037004^Anatomical Structure"
            f"~SCT^{self.code.value}^{self.code.meaning}~{modifier}"
            "~Anatomic codes - DICOM master list~^^~^^"
        )


BACKGROUND = 0

ORGANS = (
    Organ(
        1,
        "Liver",
        Code("10200004", "Liver"),
        None,
        (221, 130, 101),
        (600.0, 3500.0),
        1,
        plausible_hu=(-40.0, 250.0),
        most_spread_hu=50.0,
    ),
    Organ(
        2,
        "Kidneys",
        Code("64033007", "Kidney"),
        Code("51440002", "Right and left"),
        (40, 145, 170),
        (80.0, 800.0),
        2,
        plausible_hu=(0.0, 400.0),
        most_spread_hu=100.0,
    ),
    Organ(
        3,
        "Spleen",
        Code("78961009", "Spleen"),
        None,
        (150, 95, 226),
        (40.0, 1200.0),
        1,
        plausible_hu=(20.0, 300.0),
        most_spread_hu=50.0,
    ),
    Organ(
        4,
        "Pancreas",
        Code("15776009", "Pancreas"),
        None,
        (250, 233, 111),
        (20.0, 200.0),
        3,
        plausible_hu=(-60.0, 200.0),
        most_spread_hu=50.0,
    ),
)

CLASSES = 1 + len(ORGANS)
ORGAN_NAMES = tuple(organ.name.lower() for organ in ORGANS)  # by which a result's organs are chosen

# Two kidneys instead of one, for those who ask: the right keeps the label of both.
RIGHT_KIDNEY = Organ(
    2,
    "Right kidney",
    Code("64033007", "Kidney"),
    Code("24028007", "Right"),
    (40, 145, 170),
    (40.0, 400.0),
    1,
    plausible_hu=(0.0, 400.0),
    most_spread_hu=100.0,
)
LEFT_KIDNEY = Organ(
    5,
    "Left kidney",
    Code("64033007", "Kidney"),
    Code("7771000", "Left"),
    (120, 235, 235),
    (40.0, 400.0),
    1,
    plausible_hu=(0.0, 400.0),
    most_spread_hu=100.0,
)


def organs_shown(split_kidneys: bool, names: Sequence[str] | None = None) -> tuple[Organ, ...]:
    """The organs of a result in the order in which they are shown, the kidneys side by side.

    Args:
        split_kidneys: Whether the left kidney has a label of its own.
        names: Some of ORGAN_NAMES. None: all of them.

    Returns:
        The organs that are chosen.

    Raises:
        JobError: A name is unknown, or none is given.
    """
    liver, kidneys, spleen, pancreas = ORGANS
    organs = (liver, RIGHT_KIDNEY, LEFT_KIDNEY, spleen, pancreas) if split_kidneys else ORGANS
    if names is None:
        return organs
    _check_names(names)
    chosen = [organ for organ, name in zip(ORGANS, ORGAN_NAMES) if name in names]
    return tuple(organ for organ in organs if organ in chosen or (kidneys in chosen and "kidney" in organ.name))


def _check_names(names: Sequence[str]) -> None:
    unknown = [name for name in names if name not in ORGAN_NAMES]
    if unknown or not names:
        what = f'Unknown organ: "{unknown[0]}".' if unknown else "No organ is chosen."
        raise JobError(what, f"Choose among {', '.join(ORGAN_NAMES)}.")
