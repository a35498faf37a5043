"""Where the DICOM objects of one scan are written. What reads and writes DICOM is imported when there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flareseg.core.errors import JobError, PackagesError
from flareseg.core.extras import needs
from flareseg.core.report import OrganFacts, WeightsFacts
from flareseg.core.volume import Volume
from flareseg.io.tasks import DICOM, STRUCTURES, Task


@dataclass(frozen=True)
class DicomTargets:
    """Where the objects of one scan are written; None for one that is not.

    Attributes:
        segmentation: The organs as a segmentation (SEG).
        report: Volume and HU of the organs as a structured report (SR), which refers to ``segmentation``.
        uncertainty: The uncertainty of each voxel as a fractional segmentation (SEG).
        structures: The contours of the organs (RTSTRUCT).

    Raises:
        JobError: There is a report without a segmentation.
    """

    segmentation: Path | None = None
    report: Path | None = None
    uncertainty: Path | None = None
    structures: Path | None = None

    def __post_init__(self) -> None:
        if self.report and not self.segmentation:
            raise JobError(
                "A DICOM structured report refers to a DICOM segmentation, which is not written.",
                "Write a DICOM segmentation, too.",
            )

    @classmethod
    def of(cls, task: Task, chosen: str | None = None) -> DicomTargets:
        """Those among the files of a task; ``chosen``: the format of its organs, which is a SEG by default."""
        is_dicom = task.labels.name.lower().endswith(DICOM)
        is_structures = is_dicom and chosen == STRUCTURES
        segmentation = task.labels if is_dicom and not is_structures else None
        return cls(segmentation, task.dicom_report, task.uncertainty, task.labels if is_structures else None)

    @property
    def any(self) -> bool:
        return any((self.segmentation, self.report, self.uncertainty, self.structures))

    def check_packages(self) -> None:
        """Raise PackagesError, which names the extra to install, when a package is missing or cannot be loaded."""
        if self.any:
            with needs("dicom"):
                import highdicom  # noqa: F401
        if self.structures:
            try:
                with needs("rtstruct"):
                    import rt_utils  # noqa: F401
            except ImportError as error:  # OpenCV, where the system lacks a library for its windows
                raise PackagesError(
                    f"rt-utils cannot be loaded: {error}.", "Install opencv-python-headless in place of opencv-python."
                ) from error

    def checked(self, volume: Volume) -> Volume:
        """The volume, if the objects can be written of it; see ``writer.checked_for``. Raises FlareError."""
        if not self.any:
            return volume
        from flareseg.dicom_export.writer import checked_for

        return checked_for(self, volume)

    def write(
        self,
        volume: Volume,
        labels: np.ndarray,
        organs: Sequence[OrganFacts],
        weights: Sequence[WeightsFacts],
        uncertainty: np.ndarray | None = None,
    ) -> None:
        """Write the objects of a result; see ``writer``. Raises FlareError."""
        if not self.any:
            return
        from flareseg.dicom_export.source import source_of
        from flareseg.dicom_export.writer import DicomResult, write_dicom_files

        write_dicom_files(self, DicomResult(source_of(volume), labels, organs, weights, uncertainty))
