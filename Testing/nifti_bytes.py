"""NIfTI files with other values in their headers, written byte by byte. Offsets are those of the standard."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from images import ct_like

DIM, DATATYPE, PIXDIM, VOX_OFFSET, SCALE, UNITS, CODES, QUATERNION, SROW, MAGIC = (
    *(40, 70, 76, 108, 112, 123, 252, 256, 280),
    344,
)
VOXELS = ct_like((12, 16, 20))
IDENTITY = (-1, 0, 0, 0, 0, -2, 0, 0, 0, 0, 3, 0)  # the sform of LPS axes with voxels of 1 x 2 x 3 mm
ROTATED = (0, 2, 0, 5, -1, 0, 0, 6, 0, 0, 3, 7)  # i runs to posterior, j to right


def header(order: str = "<") -> bytearray:
    """Of VOXELS (int16) at 1 x 2 x 3 mm, qform and sform both LPS with code 1, magic n+1, voxels from byte 352 on."""
    content = bytearray(352)
    struct.pack_into(f"{order}i", content, 0, 348)
    struct.pack_into(f"{order}8h", content, DIM, 3, 20, 16, 12, 1, 1, 1, 1)
    struct.pack_into(f"{order}2h", content, DATATYPE, 4, 16)
    struct.pack_into(f"{order}8f", content, PIXDIM, 1, 1, 2, 3, 0, 0, 0, 0)
    struct.pack_into(f"{order}3f", content, VOX_OFFSET, 352, 0, 0)
    content[UNITS] = 2
    struct.pack_into(f"{order}2h", content, CODES, 1, 1)
    struct.pack_into(f"{order}6f", content, QUATERNION, 0, 0, 1, 0, 0, 0)
    struct.pack_into(f"{order}12f", content, SROW, *IDENTITY)
    content[MAGIC : MAGIC + 4] = b"n+1\0"
    return content


def written(path: Path, *changes: tuple[int, str, tuple[float, ...]], voxels: np.ndarray = VOXELS) -> Path:
    """A file of VOXELS with (offset, struct format without byte order, values) packed into its header."""
    content = header()
    for offset, form, values in changes:
        struct.pack_into(f"<{form}", content, offset, *values)
    path.write_bytes(bytes(content) + voxels.tobytes())
    return path
