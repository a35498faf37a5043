"""What ITK does not tell about a NIfTI file: that it is cut short, damaged, or has no real spacing.

ITK reads a truncated NIfTI without a word and leaves the missing voxels empty, writes one to a
full disk without a word, and replaces a spacing of zero by 1 mm.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from pathlib import Path
from typing import BinaryIO

_CHUNK = 1 << 20


def is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def problem_with(path: Path) -> str:
    """A sentence on what is wrong with a NIfTI file; empty when it is whole.

    Reads the file to its end (and checks gzip's checksum). Raises OSError if it cannot be opened.
    """
    opened = gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb")
    try:
        with opened as stream:
            head = stream.read(348)
            if len(head) < 348:
                return "The file is empty or cut short."
            expected, spacing = _promises(head)
            if min(spacing, default=1.0) <= 0:
                return f"The voxel spacing in the file ({' x '.join(f'{s:g}' for s in spacing)} mm) is not positive."
            found = len(head) + _count(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "The file is cut short or damaged, or is no compressed NIfTI file."
    if found < expected:
        return f"The file is cut short: {found} of {expected} bytes are there."
    return ""


def _promises(head: bytes) -> tuple[int, list[float]]:
    """Bytes that the header promises, and the spacing of the first three axes in mm.

    Field offsets are those of the NIfTI-1 standard; NIfTI-2 files promise nothing here.
    """
    order = "<" if struct.unpack_from("<i", head)[0] == 348 else ">"
    if struct.unpack_from(order + "i", head)[0] != 348:
        return 0, []
    dims = struct.unpack_from(order + "8h", head, 40)
    bits = struct.unpack_from(order + "h", head, 72)[0]
    spacing = list(struct.unpack_from(order + "3f", head, 80))
    start = int(struct.unpack_from(order + "f", head, 108)[0])
    voxels = 1
    for size in dims[1 : 1 + max(0, min(7, dims[0]))]:
        voxels *= max(1, size)
    return start + voxels * bits // 8, spacing[: max(0, min(3, dims[0]))]


def _count(stream: BinaryIO | gzip.GzipFile) -> int:
    total = 0
    while chunk := stream.read(_CHUNK):
        total += len(chunk)
    return total
