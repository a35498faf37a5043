"""The options of one segmentation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from flareseg.core.errors import JobError
from flareseg.core.geometry import Bounds
from flareseg.core.organs import organs_shown
from flareseg.inference.components import CleanUp


class Borders(str, Enum):
    """How the borders of organs are put on the scan's grid.

    PLAIN: by linear interpolation of the network's output. GUIDED: then filtered with the CT as the guide.
    """

    PLAIN = "plain"
    GUIDED = "guided"

    @classmethod
    def of(cls, choice: str) -> Borders:
        """Return the member for a name. Raises JobError for an unknown name."""
        try:
            return cls(choice)
        except ValueError:
            raise JobError(f'Unknown borders: "{choice}".', f"Use one of {', '.join(b.value for b in cls)}.") from None


@dataclass(frozen=True)
class SegmentationOptions:
    """Options of one segmentation.

    Attributes:
        roi: Region of interest to segment inside, as RAS bounds in mm (r0, r1, a0, a1, s0, s1). None: the region that
            the first network finds.
        split_kidneys: Whether the left kidney has a label of its own (5), rather than that of both kidneys (2).
        clean_up: How thoroughly small components are removed.
        uncertainty: Whether the uncertainty of each voxel is computed.
        organs: Names of the organs in the result, some of ``flareseg.core.organs.ORGAN_NAMES``; the others have no
            label and are not reported. None: all.
        borders: How the borders of liver, kidneys and spleen are put on the scan's grid.
        hu_gate: Whether voxels of air, fat, bone and metal are removed from the organs.

    Raises:
        JobError: ``organs`` is empty or has an unknown name.
    """

    roi: Bounds | None = None
    split_kidneys: bool = False
    clean_up: CleanUp = CleanUp.NORMAL
    uncertainty: bool = False
    organs: tuple[str, ...] | None = None
    borders: Borders = Borders.GUIDED
    hu_gate: bool = True

    def __post_init__(self) -> None:
        organs_shown(self.split_kidneys, self.organs)
