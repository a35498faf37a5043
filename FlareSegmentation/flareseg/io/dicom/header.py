"""The header of one DICOM file: its tags, and whether its pixel data is complete."""

from __future__ import annotations

import contextlib
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
from pydicom import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

_PREAMBLE, _MARK = 128, b"DICM"  # DICOM PS3.10, section 7.1
_PIXEL_DATA = (0x7FE0, 0x0010)
_ITEM, _END_OF_ITEMS, _UNDEFINED = 0xE000FFFE, 0xE0DDFFFE, 0xFFFFFFFF
_DIRECTORY = "1.2.840.10008.1.3.10"  # DICOMDIR, which lists other files
_IMAGES = ("CT", "MR", "PT")
_NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2")

_TAGS = [
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID", "Modality", "ImageType"),
    *("SeriesNumber", "SeriesDescription", "StudyDescription", "ProtocolName", "BodyPartExamined", "ConvolutionKernel"),
    *("AcquisitionNumber", "TemporalPositionIdentifier", "ContrastBolusAgent", "FrameOfReferenceUID"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness"),
    *("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "PixelPaddingValue", "PixelPaddingRangeLimit"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
]


class Damaged(Exception):
    """A DICOM file whose header cannot be read to its end."""


@dataclass(frozen=True)
class DicomHeader:
    """The tags of one file that matter here.

    ``pixels_at``: the byte at which the pixel data element begins (0 in a deflated file), None without one.
    ``native``: the pixel data is neither compressed nor deflated. ``whole``: the file holds all the pixel data
    that its tags promise.
    """

    path: Path
    tags: Dataset
    pixels_at: int | None
    native: bool
    whole: bool

    def text(self, keyword: str) -> str:
        """A tag as text, several values joined by backslashes; empty for none."""
        value = value_of(self.tags, keyword)
        return "\\".join(map(str, value if isinstance(value, MultiValue) else [value or ""])).strip()

    def count(self, keyword: str, otherwise: int) -> int:
        """A tag as a whole number."""
        value = numbers(self.tags, keyword, 1)
        return otherwise if value is None else int(value[0])

    @property
    def modality(self) -> str:
        return self.text("Modality") or "CT"

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.count("Rows", 0), self.count("Columns", 0)

    @property
    def frames(self) -> int:
        return self.count("NumberOfFrames", 1)


def read_header(path: Path) -> DicomHeader | None:
    """The header of a DICOM file; None for another file and for a DICOMDIR.

    Raises Damaged for a file that ends within its header, and OSError.
    """
    if not path.stat().st_size:  # also what only looks like a file, as in /proc
        return None
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE + len(_MARK))
        marked = start[_PREAMBLE:] == _MARK
        if not marked and not _begins_like_dicom(start):
            return None
        stream.seek(0)
        header = _parsed(path, stream)
    storage = UID(header.text("SOPClassUID") or str(value_of(header.tags.file_meta, "MediaStorageSOPClassUID") or ""))
    if storage == _DIRECTORY:
        return None
    if not storage and "Modality" not in header.tags:
        if marked:
            raise Damaged
        return None
    promises_image = "Rows" in header.tags or "Image Storage" in storage.name or header.text("Modality") in _IMAGES
    if promises_image and header.pixels_at is None:
        raise Damaged
    return header


@contextlib.contextmanager
def without_pydicoms_warnings() -> Iterator[None]:
    """Suppress pydicom's warnings about invalid tags, which repeat their content."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def is_dicom(path: Path) -> bool:
    """Whether a file begins as a DICOM file does. Raises OSError."""
    with path.open("rb") as stream:
        start = stream.read(_PREAMBLE + len(_MARK))
    return start[_PREAMBLE:] == _MARK or _begins_like_dicom(start)


def value_of(tags: Dataset, keyword: str) -> Any:
    """The value of a tag; None when it is not there or cannot be decoded."""
    try:
        return tags.get(keyword)
    except Exception:  # values are decoded when asked for, and pydicom raises what its parts raise
        return None


def numbers(tags: Dataset, keyword: str, count: int) -> np.ndarray | None:
    """``count`` finite numbers of a tag as float64; None when it has not just these."""
    value = value_of(tags, keyword)
    try:
        array = np.array(value, dtype=float).reshape(-1) if value is not None else np.empty(0)
    except (ValueError, TypeError, OverflowError):
        return None
    return array if len(array) == count and np.isfinite(array).all() else None


def _begins_like_dicom(start: bytes) -> bool:
    """A file without preamble begins with an element of group 0002 or 0008, in either byte order."""
    if len(start) < 12 or start[:2] not in (b"\x08\x00", b"\x02\x00", b"\x00\x08"):
        return False
    element, length = struct.unpack(">2xHL" if start[0] == 0 else "<2xHL", start[:8])
    return element < 0x3000 and ((start[4:6].isalpha() and start[4:6].isupper()) or length < 0x10000)


def _parsed(path: Path, stream: BinaryIO) -> DicomHeader:
    try:
        tags = pydicom.dcmread(stream, force=True, stop_before_pixels=True, specific_tags=_TAGS)
        return _header(path, tags, stream)
    except MemoryError:
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise Damaged from error
    except Exception as error:  # pydicom raises what its parts raise: struct.error, KeyError, ValueError ...
        raise Damaged from error


def _header(path: Path, tags: Dataset, stream: BinaryIO) -> DicomHeader:
    syntax = str(tags.file_meta.get("TransferSyntaxUID", ""))
    implicit, little = tags.original_encoding
    at = stream.tell()
    native = syntax in _NATIVE or not syntax
    deflated = not native and "Deflated" in UID(syntax).name
    if deflated:  # the offset is one into the inflated bytes; decoding will tell what is missing
        return DicomHeader(path, tags, 0, False, True)
    head = stream.read(8 if implicit else 12)
    order = "<" if little else ">"
    if len(head) < (8 if implicit else 12) or struct.unpack(f"{order}2H", head[:4]) != _PIXEL_DATA:
        return DicomHeader(path, tags, None, native, False)
    (length,) = struct.unpack(f"{order}L", head[-4:])
    whole = _items_end(stream) if length == _UNDEFINED else _holds(stream, length, tags)
    return DicomHeader(path, tags, at, native and bool(syntax), whole)


def _holds(stream: BinaryIO, length: int, tags: Dataset) -> bool:
    """Whether the stream goes on for ``length`` bytes, and these are enough for the image."""
    names = ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "BitsAllocated")
    needed = np.prod([float(value_of(tags, name) or 1) for name in names]) / 8
    return length >= needed and stream.tell() + length <= stream.seek(0, 2)


def _items_end(stream: BinaryIO) -> bool:
    """Whether the items of compressed pixel data are all there, up to the element that ends them."""
    start, end = stream.tell(), stream.seek(0, 2)
    stream.seek(start)
    while len(head := stream.read(8)) == 8:
        tag, length = struct.unpack("<2L", head)
        if tag == _END_OF_ITEMS:
            return True
        if tag != _ITEM or stream.tell() + length > end:
            return False
        stream.seek(length, 1)
    return False
