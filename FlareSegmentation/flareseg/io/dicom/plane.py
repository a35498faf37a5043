"""Position, orientation and rescale of one image: a slice file, or a frame of a multi-frame file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom import Dataset, Sequence

from flareseg.io.dicom.header import DicomHeader, numbers, value_of

_NO_SCANS = ("SEG", "RTSTRUCT", "RTPLAN", "RTDOSE", "SR", "PR", "KO", "REG", "DOC")
_SKEW = 0.01  # cosine between rows and columns


class NotPlaced(Exception):
    """An image that is not a slice of a volume; the text completes "... has" or says what it is."""


@dataclass(frozen=True)
class Plane:
    """One image. Vectors are LPS in mm.

    ``position``: the centre of its first voxel. ``orientation``: the directions of a row and of a column, six
    cosines. ``spacing``: mm between rows and between columns. HU are value x ``slope`` + ``intercept``;
    ``rescaled``: whether the file says so.
    """

    header: DicomHeader
    frame: int
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    slope: float
    intercept: float
    rescaled: bool

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.orientation[:3], self.orientation[3:])


def planes_of(header: DicomHeader) -> list[Plane]:
    """The images in a file. Raises NotPlaced."""
    if header.modality in _NO_SCANS:
        raise NotPlaced(f"a {header.modality} object, which is not a scan")
    if header.pixels_at is None:
        raise NotPlaced("an object without an image")
    if header.count("SamplesPerPixel", 1) != 1:
        raise NotPlaced("a colour image")
    if min(header.size) < 2:
        raise NotPlaced("an image without rows and columns")
    return [_plane(header, frame, groups) for frame, groups in enumerate(_frames(header))]


def _frames(header: DicomHeader) -> Iterator[list[Dataset]]:
    """For each frame the data sets in which its tags are looked for, first found first."""
    per_frame = _items(header.tags, "PerFrameFunctionalGroupsSequence")
    shared = _items(header.tags, "SharedFunctionalGroupsSequence")
    if header.frames == 1 and not per_frame:
        yield [*shared, header.tags]
        return
    if len(per_frame) != header.frames:
        raise NotPlaced("a multi-frame image without a position for each of its frames")
    for groups in per_frame:
        yield [groups, *shared, header.tags]


_SEQUENCES = {
    "ImagePositionPatient": "PlanePositionSequence",
    "ImageOrientationPatient": "PlaneOrientationSequence",
    "PixelSpacing": "PixelMeasuresSequence",
    "RescaleSlope": "PixelValueTransformationSequence",
    "RescaleIntercept": "PixelValueTransformationSequence",
}


def _plane(header: DicomHeader, frame: int, groups: list[Dataset]) -> Plane:
    position = _numbers(groups, "ImagePositionPatient", 3)
    if position is None:
        raise NotPlaced("an image without a position in the patient (ImagePositionPatient)")
    orientation = _numbers(groups, "ImageOrientationPatient", 6)
    if orientation is None or not _is_turned_well(orientation):
        raise NotPlaced("an image without a valid orientation (ImageOrientationPatient)")
    spacing = _numbers(groups, "PixelSpacing", 2)
    if spacing is None or spacing.min() <= 0:
        raise NotPlaced("an image without a valid pixel spacing")
    slope, intercept = _numbers(groups, "RescaleSlope", 1), _numbers(groups, "RescaleIntercept", 1)
    rescaled = _holder(groups, "RescaleSlope") is not None
    if rescaled and (slope is None or slope[0] == 0 or intercept is None):
        raise NotPlaced("an image without a valid rescale slope and intercept")
    return Plane(
        header,
        frame,
        position,
        orientation,
        spacing,
        1.0 if slope is None else float(slope[0]),
        0.0 if intercept is None else float(intercept[0]),
        rescaled,
    )


def _is_turned_well(orientation: np.ndarray) -> bool:
    row, column = orientation[:3], orientation[3:]
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    return bool(min(lengths) > 0.9 and max(lengths) < 1.1 and abs(row @ column) < _SKEW)


def _holder(groups: list[Dataset], keyword: str) -> Dataset | None:
    for group in groups:
        for candidate in [*_items(group, _SEQUENCES[keyword])[:1], group]:
            if keyword in candidate:
                return candidate
    return None


def _items(group: Dataset, keyword: str) -> list[Dataset]:
    sequence = value_of(group, keyword)
    return list(sequence) if isinstance(sequence, Sequence) else []


def _numbers(groups: list[Dataset], keyword: str, count: int) -> np.ndarray | None:
    holder = _holder(groups, keyword)
    return None if holder is None else numbers(holder, keyword, count)
