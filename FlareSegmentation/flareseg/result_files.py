"""Segmentation of one scan whose organs go into files: a label map, DICOM objects, or both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.dicom_export.targets import DicomTargets
from flareseg.inference.cascade import Cascade, Segmentation
from flareseg.inference.options import SegmentationOptions
from flareseg.inference.pipeline import PipelineResult, segment_scan
from flareseg.io.writing import write_labels


def segment_into_files(
    cascade: Cascade,
    read: Callable[[], Volume],
    labels: Path | None,
    dicom: DicomTargets,
    run: Run,
    options: SegmentationOptions | None = None,
) -> PipelineResult:
    """Read, segment and write one scan.

    Args:
        cascade: The loaded networks.
        read: Returns the scan.
        labels: Where the label map goes; None, or one of the files of ``dicom``: none is written.
        dicom: Where DICOM objects go. A scan that they cannot refer to is refused before it is segmented.
        run: Measures the stages, and receives their progress.
        options: Options. None: the defaults.

    Returns:
        The scan, its segmentation and the report.

    Raises:
        FlareError: What ``read``, ``Cascade.segment`` and the writing of the files raise.
    """

    def write(found: Segmentation, volume: Volume) -> None:
        if labels is not None and labels not in (dicom.segmentation, dicom.structures):
            write_labels(labels, found.labels, volume.geometry, [organ.name for organ in found.organs])
        dicom.write(volume, found.labels, found.organs, cascade.weights, found.uncertainty)

    return segment_scan(cascade, lambda: dicom.checked(read()), write, run, options)
