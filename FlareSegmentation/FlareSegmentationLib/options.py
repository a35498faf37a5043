"""The options of one segmentation run, from the panel's controls or a script's arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import slicer
from flareseg.core.organs import organs_shown

from .choices import BordersChoice, CleanUpChoice, DeviceChoice, EditedSegments, NetworkChoice, PrecisionChoice


@dataclass
class RunOptions:
    """``device``: "auto", "cuda" or "cpu". ``roi``: a markups ROI node or RAS bounds in mm
    (r0, r1, a0, a1, s0, s1); None finds the abdomen. ``edited``: what becomes of segments that a person
    changed, "keep", "replace" or "new" (a new segmentation). ``splitKidneys``: two segments instead of
    one. ``cleanUp``: "off"; "normal" removes loose parts; "strong" leaves one part of each organ (two
    kidneys) and fills holes. ``uncertainty``: add a volume with the uncertainty in percent. ``precision``: of the
    networks, "auto" (what suits the device), "float32", "float16" or "bfloat16". ``organs``: those that become
    segments, some of "liver", "kidneys", "spleen" and "pancreas"; None for all. ``borders``: of liver, kidneys and
    spleen, "guided" (they follow the CT) or "plain". ``huGate``: remove air, fat, bone and metal from the organs.
    ``network``: "cascade", or "full-size" (the whole scan in one pass), which needs ``weights``: a folder of one's own.

    Raises JobError for a device, an organ or a choice that does not exist, and where no organ is chosen.
    """

    device: str | DeviceChoice = DeviceChoice.AUTO
    roi: slicer.vtkMRMLMarkupsROINode | Sequence[float] | None = None
    edited: str | EditedSegments = EditedSegments.KEEP
    splitKidneys: bool = False
    cleanUp: str | CleanUpChoice = CleanUpChoice.NORMAL
    uncertainty: bool = False
    precision: str | PrecisionChoice = PrecisionChoice.AUTO
    organs: Sequence[str] | None = None
    borders: str | BordersChoice = BordersChoice.GUIDED
    huGate: bool = True
    network: str | NetworkChoice = NetworkChoice.CASCADE
    weights: str = ""

    def __post_init__(self) -> None:
        self.device = DeviceChoice.of(self.device)
        self.edited = EditedSegments.of(self.edited)
        self.cleanUp = CleanUpChoice.of(self.cleanUp)
        self.borders = BordersChoice.of(self.borders)
        self.precision = PrecisionChoice.of(self.precision)
        self.network = NetworkChoice.of(self.network)
        organs_shown(self.splitKidneys, self.organs)
