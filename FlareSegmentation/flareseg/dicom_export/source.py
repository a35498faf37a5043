"""The images that a segmentation was made of, with no more of their attributes than its DICOM results need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from pydicom import Dataset
from pydicom.uid import UID, generate_uid
from pydicom.valuerep import DSfloat

from flareseg.core.errors import ScanError
from flareseg.core.volume import Volume
from flareseg.dicom_export.study import OTHER_FORMAT, study_of
from flareseg.dicom_export.withheld import texts_withheld
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.header import Damaged, DicomHeader, read_header, value_of, without_pydicoms_warnings
from flareseg.io.dicom.plane import NotPlaced, Plane, planes_of

_KINDS = {  # DICOM PS3.6, table A-1: images with a position in the patient that the results can refer to
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.2.1": "Enhanced CT Image",
    "1.2.840.10008.5.1.4.1.1.2.2": "Legacy Converted Enhanced CT Image",
    "1.2.840.10008.5.1.4.1.1.4": "MR Image",
    "1.2.840.10008.5.1.4.1.1.4.1": "Enhanced MR Image",
    "1.2.840.10008.5.1.4.1.1.128": "PET Image",
}
_MULTI_FRAME = {uid for uid, name in _KINDS.items() if "Enhanced" in name}

SERIES_STEP = 1000
"""The series numbers of results lie so far behind that of their source, and up to three more."""
_LAST_SERIES = 2**31 - 1 - SERIES_STEP - 3  # so that those of results fit an integer string (DICOM PS3.5, table 6.2-1)


@dataclass(frozen=True)
class Source:
    """The images of one series.

    Attributes:
        planes: The image of each slice (k) of the scan.
        images: Data sets for highdicom and rt-utils: one for each slice, or a single one of a multi-frame file. They
            hold the attributes of patient and study that DICOM asks of every object (type 1 and 2), in UTF-8, whether
            the series was de-identified or compressed with a loss, and the place of each image.
        warnings: What was completed, as messages.
    """

    planes: list[Plane]
    images: list[Dataset]
    warnings: list[str] = field(default_factory=list)

    @property
    def first(self) -> Dataset:
        return self.images[0]

    @property
    def is_multi_frame(self) -> bool:
        return "NumberOfFrames" in self.first

    @cached_property
    def slices(self) -> dict[tuple[str, int], int]:
        """The slice (k) of each image, by SOP Instance UID and number of the frame in it (from 1)."""
        return {(_instance_uid(plane.header), plane.frame + 1): k for k, plane in enumerate(self.planes)}

    @cached_property
    def heights(self) -> np.ndarray:
        """Where the images lie along their normal, mm, ascending."""
        return np.array([plane.position for plane in self.planes]) @ self.planes[0].normal

    @property
    def step(self) -> float:
        """Mean distance of neighbours in mm."""
        return float(np.ptp(self.heights)) / max(1, len(self.planes) - 1)


@texts_withheld()
def source_of(volume: Volume) -> Source:
    """Read the headers of a volume's DICOM files again.

    Raises:
        ScanError: The volume was not read from DICOM, its files are gone, or lack what a result has to refer to.
    """
    if not volume.dicom_slices:
        raise ScanError(
            "The scan is not a DICOM series, so there is nothing that a DICOM result could refer to.",
            "Give the folder with the DICOM series, or write another format, such as .nii.gz or .seg.nrrd.",
        )
    return source_of_planes(_planes(volume.dicom_slices))


@without_pydicoms_warnings()
def source_of_planes(planes: list[Plane]) -> Source:
    """The source whose slices are ``planes``, in their order. Raises ScanError."""
    headers = list({plane.header.path: plane.header for plane in planes}.values())
    for header in headers:
        _check_identity(header)
    warnings: list[str] = []
    base = _base(headers[0], warnings)
    if _class_uid(headers[0]) in _MULTI_FRAME:
        if len(headers) > 1:
            raise ScanError(
                f"The series is split into {len(headers)} multi-frame files; DICOM results are written of one only.",
                OTHER_FORMAT,
            )
        return Source(planes, [_multi_frame(planes, base)], warnings)
    if len({_instance_uid(header) for header in headers}) < len(planes):
        raise ScanError("Several slices of the DICOM series have the same SOP Instance UID.", OTHER_FORMAT)
    source = Source(planes, [base], warnings)
    return Source(planes, [_slice_image(plane, planes[0], base, source.step) for plane in planes], warnings)


@without_pydicoms_warnings()
def _planes(slices: Sequence[tuple[Path, int]]) -> list[Plane]:
    by_file = {path: planes_in(path) for path in dict.fromkeys(path for path, _frame in slices)}
    return [by_file[path][frame] for path, frame in slices]


def planes_in(path: Path) -> list[Plane]:
    """The images of a DICOM file that was read before. Raises ScanError."""
    try:
        header = read_header(path)
        if header is None:
            raise Damaged
        return planes_of(header)
    except (OSError, Damaged, NotPlaced) as error:
        raise ScanError(
            f"The DICOM file {shown(path)} was changed or removed since it was read.", "Segment the series again."
        ) from error


def _check_identity(header: DicomHeader) -> None:
    """Refuse an image that has not the UIDs by which a result refers to it."""
    kind = _class_uid(header)
    if kind not in _KINDS or (header.frames > 1 and kind not in _MULTI_FRAME):
        raise ScanError(
            f"The images are of the kind {UID(kind).name if kind else 'unknown'}, to which DICOM results are not "
            f"written; these kinds are: {', '.join(_KINDS.values())}.",
            OTHER_FORMAT,
        )
    uids = {
        "Study Instance UID": header.text("StudyInstanceUID"),
        "Series Instance UID": header.text("SeriesInstanceUID"),
        "SOP Instance UID": _instance_uid(header),
    }
    if missing := [name for name, uid in uids.items() if not uid or not UID(uid).is_valid]:
        raise ScanError(
            f"The DICOM file {shown(header.path)} has no valid {' and no valid '.join(missing)}, so a DICOM result "
            "cannot refer to it.",
            OTHER_FORMAT,
        )


def _class_uid(header: DicomHeader) -> str:
    """The SOP class, which the file's meta information repeats (DICOM PS3.10, table 7.1-1)."""
    return header.text("SOPClassUID") or str(value_of(header.tags.file_meta, "MediaStorageSOPClassUID") or "")


def _instance_uid(header: DicomHeader) -> str:
    return header.text("SOPInstanceUID") or str(value_of(header.tags.file_meta, "MediaStorageSOPInstanceUID") or "")


def _base(header: DicomHeader, warnings: list[str]) -> Dataset:
    """What all images of a series have in common."""
    base = study_of(header.path, warnings)
    base.SOPClassUID = _class_uid(header)
    base.StudyInstanceUID, base.SeriesInstanceUID = header.text("StudyInstanceUID"), header.text("SeriesInstanceUID")
    base.Modality, (base.Rows, base.Columns) = header.modality, header.size
    base.SeriesNumber = min(max(header.count("SeriesNumber", 1), 0), _LAST_SERIES)
    base.FrameOfReferenceUID = _frame_of_reference(header, warnings)
    return base


def _frame_of_reference(header: DicomHeader, warnings: list[str]) -> str:
    """That of the series, or one that follows from the series, so that all its results have the same."""
    uid = header.text("FrameOfReferenceUID")
    if UID(uid).is_valid and uid:
        return uid
    warnings.append(
        "The DICOM series has no valid Frame of Reference UID; its DICOM results have one that was made from the "
        "Series Instance UID. Viewers have to find the slices by their SOP Instance UIDs."
    )
    return str(generate_uid(entropy_srcs=[header.text("SeriesInstanceUID"), "frame of reference"]))


def _slice_image(plane: Plane, first: Plane, base: Dataset, step: float) -> Dataset:
    """``first``: whose orientation and spacing, which writers round differently from slice to slice, all get."""
    image = Dataset()
    image.update(base)
    image.SOPInstanceUID = _instance_uid(plane.header)
    image.ImagePositionPatient = _decimals(plane.position)
    image.ImageOrientationPatient = _decimals(first.orientation)
    image.PixelSpacing, image.SliceThickness = _decimals(first.spacing), _thickness(plane.header, step)
    return image


def _multi_frame(planes: list[Plane], base: Dataset) -> Dataset:
    """With the places of all frames in the file, also of those that belong to another phase."""
    every = planes_of(planes[0].header)
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = _decimals(planes[0].spacing)
    measures.SliceThickness = _thickness(planes[0].header, Source(planes, [base]).step)
    orientation.ImageOrientationPatient = _decimals(planes[0].orientation)
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [orientation]
    image = Dataset()
    image.update(base)
    image.SOPInstanceUID, image.NumberOfFrames = _instance_uid(planes[0].header), len(every)
    image.SharedFunctionalGroupsSequence = [shared]
    image.PerFrameFunctionalGroupsSequence = [_placed(plane) for plane in every]
    return image


def _placed(plane: Plane) -> Dataset:
    groups, place = Dataset(), Dataset()
    place.ImagePositionPatient = _decimals(plane.position)
    groups.PlanePositionSequence = [place]
    return groups


def _thickness(header: DicomHeader, step: float) -> DSfloat:
    """That at the top level of the file, as single-frame files have it, else the distance between slices."""
    value = header.text("SliceThickness")
    try:
        thickness = float(value)
    except ValueError:
        thickness = 0.0
    return DSfloat(thickness if np.isfinite(thickness) and thickness > 0 else step, auto_format=True)


def _decimals(numbers: np.ndarray) -> list[DSfloat]:
    return [DSfloat(float(number), auto_format=True) for number in numbers]
