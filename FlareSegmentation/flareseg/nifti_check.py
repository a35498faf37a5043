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
        """None for a NIfTI-2 header, whose fields lie elsewhere. Offsets are the standard's."""
        order = next((o for o in "<>" if struct.unpack_from(f"{o}i", head)[0] == 348), "")
        if not order:
            return None
        rank, *sizes = struct.unpack_from(f"{order}8h", head, 40)
        datatype, bits = struct.unpack_from(f"{order}2h", head, 70)
        spacing = struct.unpack_from(f"{order}3f", head, 80)
        start = int(struct.unpack_from(f"{order}f", head, 108)[0])
        voxels = int(np.prod([max(1, size) for size in sizes[:rank]], dtype=np.int64))
        float_type = order + _FLOATS[datatype] if datatype in _FLOATS else ""
        return cls(max(348, start), voxels * bits // 8, float_type, spacing[:rank])


def is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def inspect(path: Path) -> NiftiFacts:
    """Read a NIfTI file to its end (which checks gzip's checksum) and say what is wrong with it.

    Raises OSError if it cannot be opened.
    """
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as stream:
            head = stream.read(348)
            if len(head) < 348:
                return NiftiFacts("The file is cut short.")
            header = _Header.parse(head)
            if header is None:
                _exhaust(stream)
                return NiftiFacts()
            return _inspect_voxels(stream, header)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return NiftiFacts("The file is cut short or damaged.")


def _inspect_voxels(stream: BinaryIO | gzip.GzipFile, header: _Header) -> NiftiFacts:
    if min(header.spacing, default=1.0) <= 0:
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
    while stream.read(_CHUNK):
        pass
