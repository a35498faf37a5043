"""The voxels of a stack in HU, with the rescale slope and intercept of each image."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom import Dataset
from pydicom.pixels import iter_pixels

from flareseg.core.errors import ScanError
from flareseg.core.free_memory import MB
from flareseg.core.shortage import ran_out
from flareseg.core.volume import AIR_HU
from flareseg.io.dicom.files import shown
from flareseg.io.dicom.header import DicomHeader
from flareseg.io.dicom.plane import Plane
from flareseg.io.dicom.stack import Stack

_BRIGHTEST_HU = 3071  # of a CT's usual 12 bits; a padding value above it would be taken for metal
_INT16 = np.iinfo(np.int16)
_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7.3"  # Multi-frame Grayscale Word Secondary Capture Image Storage
_PIXEL_TAGS = ("Rows", "Columns", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "PixelData")
_BIT_TAGS = ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation")


def voxels_of(stack: Stack) -> np.ndarray:
    """The images of a stack in its order, (k, j, i) in HU: int16 where all slopes are whole numbers, else float32.

    Values beyond int16 are clipped to it. Padding outside the possible range of HU becomes air. Raises
    ScanError with the name of a file that is damaged or cut short.
    """
    _check(stack)
    dtype = _dtype_of(stack)
    voxels = np.empty((len(stack), *stack.header.size), dtype)
    by_file: dict[Path, list[tuple[int, Plane]]] = defaultdict(list)
    for k, plane in enumerate(stack.planes):
        by_file[plane.header.path].append((k, plane))
    for places in by_file.values():
        places.sort(key=lambda place: place[1].frame)
        header = places[0][1].header
        with _damage_named(header):
            for (k, plane), image in zip(places, _images(header, [plane.frame for _, plane in places]), strict=True):
                voxels[k] = _in_hu(image, plane, dtype.kind == "i")
    return voxels


def voxels_mb(stack: Stack) -> float:
    """MB of the voxels that voxels_of gives."""
    return len(stack) * math.prod(stack.header.size) * _dtype_of(stack).itemsize / MB


def _dtype_of(stack: Stack) -> np.dtype:
    whole = all(plane.slope.is_integer() and plane.intercept.is_integer() for plane in stack.planes)
    return np.dtype(np.int16 if whole else np.float32)


def _check(stack: Stack) -> None:
    for plane in stack.planes:
        if not plane.header.whole:
            raise _damaged(plane.header)
    without = [plane for plane in stack.planes if not plane.rescaled]
    if without and len(without) < len(stack) and any(p.header.count("PixelRepresentation", 0) == 0 for p in without):
        raise ScanError(
            f"{len(without)} of {len(stack)} slices of the DICOM series have no rescale slope and intercept "
            f"({shown(without[0].header.path)} is one), so their HU are not known.",
            "Copy or export the series again.",
        )


@contextlib.contextmanager
def _damage_named(header: DicomHeader) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError, AttributeError, NotImplementedError) as error:
        if ran_out(error):
            raise
        raise _damaged(header) from error


def _damaged(header: DicomHeader) -> ScanError:
    return ScanError(
        f"The pixel data of {shown(header.path)} is damaged or cut short.", "Copy or export the DICOM series again."
    )


def _images(header: DicomHeader, frames: list[int]) -> Iterator[np.ndarray]:
    """The stored values of some frames, ascending, each (rows, columns); of a compressed slice file, HU."""
    if header.native:
        for image in iter_pixels(header.path, raw=True, indices=frames):
            yield _used_bits(image, header)
    elif header.frames == 1:
        yield _decoded(header.path)[0]
    else:
        images = _decoded_frames(header)
        yield from (images[frame] for frame in frames)


def _used_bits(image: np.ndarray, header: DicomHeader) -> np.ndarray:
    """Return the values without the bits above those stored, which may hold an overlay."""
    unused = header.count("BitsAllocated", 16) - header.count("BitsStored", 16)
    return image if unused <= 0 else (image << unused) >> unused


def _decoded(path: Path) -> np.ndarray:
    """What GDCM makes of a file, with the file's own slope and intercept applied."""
    previous = sitk.ProcessObject.GetGlobalWarningDisplay()
    sitk.ProcessObject.SetGlobalWarningDisplay(False)  # GDCM prints file contents on invalid tags
    try:
        return sitk.GetArrayFromImage(sitk.ReadImage(str(path), imageIO="GDCMImageIO"))
    finally:
        sitk.ProcessObject.SetGlobalWarningDisplay(previous)


def _decoded_frames(header: DicomHeader) -> np.ndarray:
    """The stored values of a compressed multi-frame file.

    GDCM would apply the first frame's rescale to all: it is given the pixel data without any.
    """
    source = pydicom.dcmread(header.path)
    bare = Dataset()
    for keyword in (*_PIXEL_TAGS, *_BIT_TAGS):
        bare[keyword] = source[keyword]
    bare.SOPClassUID, bare.SOPInstanceUID, bare.Modality = _MULTI_FRAME, pydicom.uid.generate_uid(), "OT"
    bare.file_meta = pydicom.dataset.FileMetaDataset()
    bare.file_meta.TransferSyntaxUID = source.file_meta.TransferSyntaxUID
    with tempfile.TemporaryDirectory(prefix="flareseg-") as folder:
        path = Path(folder) / "frames.dcm"
        bare.save_as(path, enforce_file_format=True)
        return _decoded(path)


def _in_hu(image: np.ndarray, plane: Plane, whole: bool) -> np.ndarray:
    is_hu = not plane.header.native and plane.header.frames == 1
    hu = image.astype(np.float32)
    if not is_hu:
        hu = hu * np.float32(plane.slope) + np.float32(plane.intercept)
    padding = _padding(plane)
    if padding is not None:
        hu[(hu >= padding[0]) & (hu <= padding[1])] = AIR_HU
    return np.clip(hu, _INT16.min, _INT16.max) if whole else hu


def _padding(plane: Plane) -> tuple[float, float] | None:
    """The range of HU that padding takes, where no tissue can have it."""
    tags = plane.header
    if not (value := tags.text("PixelPaddingValue")):
        return None
    ends = [tags.count("PixelPaddingValue", int(value)), tags.count("PixelPaddingRangeLimit", int(value))]
    low, high = sorted(end * plane.slope + plane.intercept for end in ends)
    return (low, high) if high < AIR_HU or low > _BRIGHTEST_HU else None
