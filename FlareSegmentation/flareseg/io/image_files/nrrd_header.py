"""The header of NRRD files (.nrrd, or .nhdr with its data file), parsed by pynrrd."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.core.geometry import Geometry
from flareseg.io.image_files.header import (
    LONGEST,
    UNSTATED,
    Compression,
    FileHeader,
    Storage,
    check_spacing,
    damaged,
    data_file,
    grid,
    not_one_value,
    volume_size,
)

MAGIC = b"NRRD"
_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"), "i8"),
    **dict.fromkeys(("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"),
    "float": "f4",
    "double": "f8",
}
_ENCODINGS: dict[str, Compression] = {"raw": "", "gzip": "gzip", "gz": "gzip", "bzip2": "bzip2", "bz2": "bzip2"}
_SPACES = {  # signs that bring its coordinates to LPS
    **dict.fromkeys(("left-posterior-superior", "lps"), (1, 1, 1)),
    **dict.fromkeys(("right-anterior-superior", "ras"), (-1, -1, 1)),
    **dict.fromkeys(("left-anterior-superior", "las"), (1, -1, 1)),
}
_SPATIAL = ("domain", "space")
_TIMES = ("time",)


def parse(path: Path, head: bytes) -> FileHeader:
    """``head``: the first bytes of the file. Raises ScanError."""
    fields, length = _fields(path, head)
    sizes = [int(n) for n in _field(path, fields, "sizes")]
    if len(sizes) != _field(path, fields, "dimension"):
        raise damaged(path, "its sizes are not as many as its dimensions")
    axes = _spatial_axes(path, fields, sizes)
    size = volume_size(path, [sizes[axis] for axis in axes])
    geometry, warnings = _geometry(path, fields, axes, size)
    return FileHeader(geometry, _storage(path, fields, length, size), warnings=warnings)


def _fields(path: Path, head: bytes) -> tuple[dict[str, Any], int]:
    """The header's fields by name, and the number of its bytes."""
    import nrrd

    stream = io.BytesIO(head)
    lines = []
    while (line := stream.readline()).strip():
        lines.append(_spelled(line))
    if not line and len(head) == LONGEST:
        raise damaged(path, "it does not end")
    try:
        with np.errstate(all="ignore"):  # numbers that are too large are refused with the sizes
            fields = nrrd.read_header(lines)
    except (nrrd.NRRDError, ValueError, TypeError, IndexError, OverflowError) as error:
        raise damaged(path, "it does not follow the NRRD format") from error
    spelled = {"data file": "datafile", "line skip": "lineskip", "byte skip": "byteskip"}
    return {spelled.get(name, name): value for name, value in fields.items()}, stream.tell()


def _spelled(line: bytes) -> bytes:
    """Return a line as pynrrd expects it: the field's name in lower case, no blanks inside the brackets of vectors."""
    name, colon, value = line.partition(b": ")
    if not colon:
        return line
    value = re.sub(rb"\(([^)]*)\)", lambda vector: b"(" + b"".join(vector[1].split()) + b")", value)
    return name.lower() + colon + value


def _field(path: Path, fields: dict[str, Any], name: str) -> Any:
    if name not in fields:
        raise damaged(path, f'it has no "{name}"')
    return fields[name]


def _spatial_axes(path: Path, fields: dict[str, Any], sizes: list[int]) -> list[int]:
    """The axes of the volume; others may have one voxel. A time axis is left to volume_size."""
    kinds = [str(kind).lower() for kind in fields.get("kinds", [])]
    if not kinds:
        steps = _rows(fields.get("space directions", np.zeros((len(sizes), 3))))
        kinds = ["list" if np.isnan(step).any() else "domain" for step in steps]
    if len(kinds) != len(sizes):
        raise damaged(path, "its kinds are not as many as its dimensions")
    spatial = [axis for axis, kind in enumerate(kinds) if kind in _SPATIAL or kind in ("???", "none")]
    others = [axis for axis in range(len(sizes)) if axis not in spatial and sizes[axis] != 1]
    if any(kinds[axis] not in _TIMES for axis in others):
        raise not_one_value(path)
    return spatial + others


def _geometry(
    path: Path, fields: dict[str, Any], axes: list[int], size: tuple[int, int, int]
) -> tuple[Geometry, list[str]]:
    units = {str(unit).lower() for unit in fields.get("space units", []) if str(unit)}
    if units - {"mm", "millimeter", "millimeters", "millimetre", "millimetres", "???", "none"}:
        raise ScanError(f"{path.name} states its voxel size in {', '.join(sorted(units))}.", "Save it in mm.")
    if "space directions" not in fields:
        spacing = np.array(_field(path, fields, "spacings"), float)
        if spacing.shape[0] <= max(axes[:3]):
            raise damaged(path, "its spacings are not as many as its dimensions")
        check_spacing(path, spacing[axes[:3]])
        if "axis mins" in fields or "axismins" in fields:
            raise ScanError(f'{path.name} states its position by "axis mins".', "Save it again in Slicer or SimpleITK.")
        return grid(size, np.diag(spacing[axes[:3]]), np.zeros(3)), [UNSTATED]
    steps, origin = _in_space(fields, axes)
    if steps.shape[1:] != (3,) or steps.shape[0] <= max(axes[:3]) or origin.shape != (3,):
        raise damaged(path, "its space directions and origin are not those of a volume")
    space = str(fields.get("space", "")).lower().removesuffix("-time")
    signs = np.array(_SPACES.get(space, (1, 1, 1)), float)
    return grid(size, steps[axes[:3]] * signs, origin * signs), [] if space in _SPACES else [UNSTATED]


def _in_space(fields: dict[str, Any], axes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Directions (axes, 3) and origin (3,); of a space with time, the three of the volume where time is apart."""
    steps = _rows(fields["space directions"])
    origin = np.array(fields.get("space origin", np.zeros(steps.shape[-1])), float).reshape(-1)
    with_time = steps.shape[1:] == (4,) and origin.shape == (4,) and steps.shape[0] > max(axes[:3])
    if with_time and not steps[axes[:3], 3].any():
        return steps[:, :3], origin[:3]
    return steps, origin


def _rows(directions: Any) -> np.ndarray:
    """The space directions as (axes, dimensions of the space), however pynrrd gives them; NaN for an axis without."""
    length = max((len(row) for row in directions if row is not None), default=3)
    rows = [np.full(length, np.nan) if row is None else np.asarray(row, float).reshape(-1) for row in directions]
    return np.array(rows) if rows and all(row.shape == rows[0].shape for row in rows) else np.empty((0, 0))


def _storage(path: Path, fields: dict[str, Any], length: int, size: tuple[int, int, int]) -> Storage:
    kind, encoding = str(_field(path, fields, "type")).lower(), str(_field(path, fields, "encoding")).lower()
    if kind not in _TYPES:
        raise damaged(path, f'unknown type "{kind}"')
    if encoding not in _ENCODINGS:
        raise ScanError(f'{path.name} stores its voxels as "{encoding}".', "Save it with raw or gzip encoding.")
    dtype = np.dtype(_TYPES[kind])
    if dtype.itemsize > 1:
        endian = str(_field(path, fields, "endian")).lower()
        if endian not in ("little", "big"):
            raise damaged(path, f'unknown byte order "{endian}"')
        dtype = dtype.newbyteorder("<" if endian == "little" else ">")
    file, start = path, length
    if "datafile" in fields:
        file, start = data_file(path, str(fields["datafile"])), 0
    lines, skip = int(fields.get("lineskip", 0)), int(fields.get("byteskip", 0))
    if lines < 0 or skip < -1 or (skip == -1 and _ENCODINGS[encoding]):
        raise damaged(path, "it skips a negative number of lines or bytes")
    i, j, k = size
    return Storage(file, _after_lines(file, start, lines), dtype, (k, j, i), _ENCODINGS[encoding], skip)


def _after_lines(file: Path, start: int, lines: int) -> int:
    with file.open("rb") as stream:
        stream.seek(start)
        for _ in range(lines):
            if not stream.readline(LONGEST):
                break
        return stream.tell()
