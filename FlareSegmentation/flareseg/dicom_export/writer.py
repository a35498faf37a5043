"""The DICOM files of one scan: whether they can be written, before it is segmented, and then all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydicom import Dataset

from flareseg.core.errors import JobError, NoAbdomenError
from flareseg.core.report import OrganFacts, WeightsFacts
from flareseg.core.volume import Volume
from flareseg.dicom_export.source import Source, source_of
from flareseg.dicom_export.targets import DicomTargets
from flareseg.dicom_export.withheld import texts_withheld
from flareseg.io.dicom.header import without_pydicoms_warnings
from flareseg.io.outputs import atomic_write
from flareseg.io.tasks import DICOM

if TYPE_CHECKING:  # these need highdicom, which is optional
    from flareseg.dicom_export.equipment import Algorithm


@dataclass(frozen=True)
class DicomResult:
    """The organs of one scan as they are to be written.

    Attributes:
        source: The series that was segmented.
        labels: Label map, uint8 (k, j, i), k as in ``source``.
        organs: The organs with volume, HU and confidence.
        weights: The files of the networks.
        uncertainty: Percent, uint8 (k, j, i); None where it is not known.
        edited: Names of organs that a person has corrected.
    """

    source: Source
    labels: np.ndarray
    organs: Sequence[OrganFacts]
    weights: Sequence[WeightsFacts]
    uncertainty: np.ndarray | None = None
    edited: Collection[str] = ()


def checked_for(targets: DicomTargets, volume: Volume) -> Volume:
    """The volume, if its DICOM objects can be written, with what is completed in them as warnings.

    Args:
        targets: What is to be written.
        volume: The scan before it is segmented. Its next choices are checked when they are read.

    Returns:
        A volume of the same voxels.

    Raises:
        ScanError: The scan is not a DICOM series, or lacks what the objects have to refer to.
        PackagesError: A package is missing.
    """
    targets.check_packages()
    source = source_of(volume)
    if targets.structures:
        from flareseg.dicom_export.structures import check_structures

        check_structures(source, volume.geometry.tilt)
    if targets.report:
        from flareseg.dicom_export.report import check_report

        check_report(source)
    following = volume.next_choice
    return replace(
        volume,
        warnings=[*volume.warnings, *source.warnings],
        next_choice=None if following is None else lambda: checked_for(targets, following()),
    )


@texts_withheld()
@without_pydicoms_warnings()  # highdicom's repeat the patient's name
def write_dicom_files(targets: DicomTargets, result: DicomResult) -> None:
    """Write the objects. They appear together, each whole, or not at all; existing files are replaced.

    Args:
        targets: Where.
        result: What.

    Raises:
        OutputError: A file cannot be written.
        PackagesError: A package is missing.
        NoAbdomenError: No organ has a voxel.
        JobError: There is a target for an uncertainty that is not known.
        InternalError: A library failed.
    """
    targets.check_packages()
    if not any(facts.voxels for facts in result.organs):
        raise NoAbdomenError("None of the chosen organs was found, so there is nothing to write as DICOM.")
    with ExitStack() as files:  # they take their places when all of them are written
        for path, made in _objects(targets, result):
            _save(made, files.enter_context(atomic_write(path, DICOM)))


def _save(made: Dataset, path: Path) -> None:
    """Raises OSError as the system does; pydicom's own repeats its traceback instead of the reason."""
    try:
        made.save_as(path, enforce_file_format=True)
    except OSError as error:
        cause = error.__cause__
        if error.errno is None and isinstance(cause, OSError):
            raise OSError(cause.errno, cause.strerror) from None
        raise


def _objects(targets: DicomTargets, result: DicomResult) -> Iterator[tuple[Path, Dataset]]:
    """One after the other, so that an object is gone from memory before the next one is made."""
    from flareseg.dicom_export.equipment import Algorithm

    algorithm = Algorithm(result.weights)
    if targets.structures:
        from flareseg.dicom_export.structures import structures_of

        made = structures_of(result.source, result.labels, result.organs, algorithm, result.edited)
        yield targets.structures, made
    if targets.uncertainty:
        yield targets.uncertainty, _uncertainty(result, algorithm)
    if targets.segmentation:
        from flareseg.dicom_export.segmentation import segmentation_of

        segmentation = segmentation_of(result.source, result.labels, result.organs, algorithm, result.edited)
        yield targets.segmentation, segmentation
        if targets.report:
            from flareseg.dicom_export.report import report_of

            yield targets.report, report_of(result.source, segmentation, result.organs, algorithm)


def _uncertainty(result: DicomResult, algorithm: Algorithm) -> Dataset:
    from flareseg.dicom_export.segmentation import uncertainty_of

    if result.uncertainty is None:
        raise JobError("The uncertainty was not computed.", "Segment with the option for the uncertainty.")
    return uncertainty_of(result.source, result.uncertainty, algorithm)
