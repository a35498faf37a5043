"""What ITK does not tell about a NIfTI file.

ITK reads a truncated NIfTI without a word and leaves the missing voxels empty, writes one to a
full disk without a word, replaces a spacing of zero by 1 mm, and voxels that are not numbers by 0.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

_CHUNK = 1 << 20  # bytes; a multiple of every voxel size
_LARGEST_HEADER = 1 << 24  # bytes; an offset beyond it is a damaged field
_FLOATS = {16: "f4", 64: "f8"}  # NIfTI-1 data types


@dataclass
class NiftiFacts:
    """``problem``: a sentence on what is wrong with the file, empty when it is whole.

    ``odd_voxels``: flat indices, in the array's (k, j, i) order, of NaN and infinite voxels.
    """

    problem: str = ""
    odd_voxels: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


@dataclass(frozen=True)
class _Header:
    """What a NIfTI-1 header promises: where the voxels start, their bytes, numpy type, spacing in mm."""

    start: int
    voxel_bytes: int
    float_type: str
    spacing: tuple[float, ...]

    @classmethod
    def parse(cls, head: bytes) -> _Header | None:
        """None for what is no NIfTI-1 header. Offsets are the standard's."""
        order = next((o for o in "<>" if struct.unpack_from(f"{o}i", head)[0] == 348), "")
        if not order:
            return None
        rank, *sizes = struct.unpack_from(f"{order}8h", head, 40)
        datatype, bits = struct.unpack_from(f"{order}2h", head, 70)
        spacing = struct.unpack_from(f"{order}3f", head, 80)
        offset = struct.unpack_from(f"{order}f", head, 108)[0]
        start = int(offset) if 348 <= offset < _LARGEST_HEADER else 348
        voxels = int(np.prod([max(1, size) for size in sizes[:rank]], dtype=np.int64))
        float_type = order + _FLOATS[datatype] if datatype in _FLOATS else ""
        return cls(start, voxels * bits // 8, float_type, spacing[:rank])


def is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def is_nifti2(path: Path) -> bool:
    """Whether the file begins with a NIfTI-2 header, which ITK does not read."""
    try:
        with _opened(path) as stream:
            start = stream.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return start in (struct.pack("<i", 540), struct.pack(">i", 540))


def _opened(path: Path) -> BinaryIO | gzip.GzipFile:
    """The file's content; what is compressed is told by its first bytes, as ITK does."""
    with path.open("rb") as stream:
        compressed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if compressed else path.open("rb")


def inspect(path: Path) -> NiftiFacts:
    """Read a NIfTI file to its end (which checks gzip's checksum) and say what is wrong with it.

    Raises OSError if it cannot be opened.
    """
    try:
        with _opened(path) as stream:
            head = stream.read(348)
            if len(head) < 348:
                return NiftiFacts("The file is cut short.")
            header = _Header.parse(head)
            if header is None:
                return NiftiFacts("The file has no NIfTI-1 header.")
            return _inspect_voxels(stream, header)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return NiftiFacts("The file is cut short or damaged.")


def _inspect_voxels(stream: BinaryIO | gzip.GzipFile, header: _Header) -> NiftiFacts:
    if not all(0 < mm < float("inf") for mm in header.spacing):
        spacing = " x ".join(f"{s:g}" for s in header.spacing)
        return NiftiFacts(f"The voxel spacing in the file ({spacing} mm) is not positive.")
    stream.read(header.start - 348)
    odd: list[np.ndarray] = []
    found = 0
    while found < header.voxel_bytes and (chunk := stream.read(min(_CHUNK, header.voxel_bytes - found))):
        if header.float_type:
            values = np.frombuffer(chunk, header.float_type, count=len(chunk) // int(header.float_type[-1]))
            odd.append(np.flatnonzero(~np.isfinite(values)) + found // values.itemsize)
        found += len(chunk)
    if found < header.voxel_bytes:
        return NiftiFacts(f"The file is cut short: {found} of {header.voxel_bytes} bytes of voxels are there.")
    _exhaust(stream)
    return NiftiFacts("", np.concatenate(odd) if odd else np.empty(0, np.int64))


def _exhaust(stream: BinaryIO | gzip.GzipFile) -> None:
    """Read on to the end, where gzip keeps its checksum."""
    try:
        while stream.read(_CHUNK):
            pass
    except gzip.BadGzipFile as error:
        if "Not a gzipped file" not in str(error):  # bytes behind the compressed file do no harm
            raise
