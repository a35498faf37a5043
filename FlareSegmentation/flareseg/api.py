"""Segmentation of one scan in one call: from a file or a volume to its label map and report."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from flareseg.core.errors import JobError, OutputError
from flareseg.core.limits import CheckSize
from flareseg.core.report import Report
from flareseg.core.run import Progress, Run
from flareseg.core.volume import Volume
from flareseg.dicom_export.targets import DicomTargets
from flareseg.inference.cascade import Cascade
from flareseg.inference.options import SegmentationOptions
from flareseg.io.outputs import check_writable
from flareseg.io.reading import read_series, read_volume
from flareseg.io.tasks import DICOM
from flareseg.io.writing import suffix_of
from flareseg.result_files import segment_into_files

StrPath = str | os.PathLike[str]


@dataclass(frozen=True)
class SegmentationResult:
    """The result of ``segment``.

    Attributes:
        volume: The scan, as read from its file or as given.
        labels: Label map, uint8 (k, j, i) on the grid of ``volume``: 0 background, 1 liver, 2 kidneys (with
            ``split_kidneys`` the right one), 3 spleen, 4 pancreas, 5 left kidney (with ``split_kidneys``).
        uncertainty: Uncertainty of each voxel in percent, uint8 (k, j, i); None unless the options ask for it.
        report: Volume, mean HU and confidence of each organ; time, memory, device and weights of the run.
    """

    volume: Volume
    labels: np.ndarray
    uncertainty: np.ndarray | None
    report: Report


def segment(
    scan: StrPath | Sequence[StrPath] | Volume,
    output: StrPath | None = None,
    *,
    options: SegmentationOptions | None = None,
    device: str | None = None,
    precision: str | None = None,
    cascade: Cascade | None = None,
    progress: Progress | None = None,
) -> SegmentationResult:
    """Segment the organs of one abdominal CT.

    The networks are loaded anew by each call. To segment many scans, load them once with ``Cascade.load`` and pass
    them as ``cascade``.

    Args:
        scan: A NIfTI, NRRD, MetaImage or multi-frame DICOM file, a folder with a DICOM series, the files of one, or a
            volume in HU.
        output: Where the label map is written: .nii.gz, .nii, .nrrd, .mha, .seg.nrrd for a segmentation that
            3D Slicer opens with names and colours, or .dcm for a DICOM segmentation of the DICOM series ``scan``.
            None writes nothing. An existing file is replaced.
        options: Region of interest, split kidneys, clean-up, uncertainty, choice of organs, borders, HU
            gate. None takes the defaults.
        device: "auto" (the default: a usable GPU, else the CPU), "cuda" or "cpu".
        precision: "auto" (the default: what suits the device), "float32", "float16" or "bfloat16".
        cascade: Loaded networks; they bring their own device and precision.
        progress: Called as ``progress(stage, fraction)`` several times a second, with a key of
            ``flareseg.core.report.STAGES`` and the fraction of that stage, 0 to 1. An exception that it raises, for
            example ``Cancelled()``, ends the run.

    Returns:
        The label map on the scan's own grid, and the report.

    Raises:
        ScanError: The scan cannot be read or is not a CT volume in HU.
        RoiError: The region of interest is not a box, or lies outside the scan.
        NoAbdomenError: No abdomen or none of the organs was found.
        GpuUnavailableError: "cuda" was chosen and no GPU can be used, or the device is unknown.
        GpuMemoryError: The memory of the GPU is exhausted, and "cuda" was chosen.
        InsufficientMemoryError: The main memory does not suffice.
        ConfigError: The precision is unknown.
        WeightsError: The weights are missing or damaged.
        PackagesError: ``output`` is DICOM, and ``pip install "flareseg[dicom]"`` is needed for that.
        JobError: ``cascade`` is given together with ``device`` or ``precision``.
        OutputError: ``output`` cannot be written, has an unknown suffix, or is the scan itself.
    """
    if cascade is not None and (device, precision) != (None, None):
        raise JobError(
            "A loaded cascade has its device and precision already.", "Pass device and precision to Cascade.load."
        )
    target = None if output is None else _checked_target(Path(output), scan)
    dicom = DicomTargets(target if target is not None and _is_dicom(target) else None)
    dicom.check_packages()
    loaded = cascade or Cascade.load(device or "auto", precision=precision or "auto")

    def read() -> Volume:
        return scan if isinstance(scan, Volume) else _read(scan, loaded.limits.check_file)

    with Run(progress) if progress else Run() as run:
        outcome = segment_into_files(loaded, read, target, dicom, run, options)
    found = outcome.segmentation
    return SegmentationResult(outcome.volume, found.labels, found.uncertainty, outcome.report)


def write_dicom(
    result: SegmentationResult,
    segmentation: StrPath,
    *,
    report: StrPath | None = None,
    uncertainty: StrPath | None = None,
    structures: StrPath | None = None,
) -> None:
    """Write a result as DICOM objects of the series that was segmented. They appear together or not at all.

    Args:
        result: Of ``segment`` with a DICOM series as the scan.
        segmentation: Where the organs are written as a DICOM segmentation (SEG).
        report: Where volume, HU and confidence are written as a structured report (SR) on that segmentation.
        uncertainty: Where the uncertainty of each voxel is written as a fractional segmentation; the options of
            ``segment`` had to ask for it.
        structures: Where the contours of the organs are written as a structure set (RTSTRUCT).

    Raises:
        ScanError: The scan was not DICOM, lacks what a DICOM object has to refer to, or its slices cannot be those of
            a structure set.
        PackagesError: A package of ``pip install "flareseg[dicom]"`` or ``[rtstruct]`` is missing.
        JobError: There is no uncertainty in the result.
        OutputError: A file cannot be written.
    """
    targets = DicomTargets(
        *(None if path is None else Path(path) for path in (segmentation, report, uncertainty, structures))
    )
    targets.checked(result.volume)
    found = result.report
    targets.write(result.volume, result.labels, found.organs, found.weights, result.uncertainty)


def _read(scan: StrPath | Sequence[StrPath], check_size: CheckSize) -> Volume:
    return read_volume(scan, check_size) if isinstance(scan, (str, os.PathLike)) else read_series(scan, check_size)


def _is_dicom(path: Path) -> bool:
    return path.name.lower().endswith(DICOM)


def _checked_target(path: Path, scan: StrPath | Sequence[StrPath] | Volume) -> Path:
    """``path``, if a label map can be written there without loss of the scan. Raises OutputError."""
    if not _is_dicom(path):
        suffix_of(path)
    check_writable(path)
    sources = [scan] if isinstance(scan, (str, os.PathLike)) else [] if isinstance(scan, Volume) else scan
    for source in sources:
        if path.exists() and os.path.exists(source) and path.samefile(source):  # noqa: PTH110, of any length
            raise OutputError(f"{path} would be overwritten.", "Choose another name for the result.")
    return path
