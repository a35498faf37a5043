"""The header of MetaImage files (.mha, or .mhd with its data file): lines of "name = value"."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.io.image_files.header import (
    UNSTATED,
    FileHeader,
    Storage,
    check_spacing,
    damaged,
    data_file,
    grid,
    not_one_value,
    volume_size,
)

_BEGINNING = re.compile(rb"\s*(ObjectType|NDims|Comment|ObjectSubType|Name|ID)\s*=")
_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
_DATA = "ElementDataFile"  # always the last field
_MOST_SIZES = 10


def begins_meta_image(head: bytes) -> bool:
    return _BEGINNING.match(head) is not None


def parse(path: Path, head: bytes) -> FileHeader:
    """``head``: the first bytes of the file. Raises ScanError."""
    fields, length = _fields(path, head)
    rank = _numbers(path, fields, "NDims", 1, "0")[0]
    if not (rank.is_integer() and 1 <= rank <= _MOST_SIZES):
        raise damaged(path, f"{rank:g} dimensions are not possible")
    sizes = _numbers(path, fields, "DimSize", int(rank), "0")
    if not all(n.is_integer() for n in sizes):
        raise damaged(path, "its sizes are not whole numbers")
    if _numbers(path, fields, "ElementNumberOfChannels", 1, "1") != [1.0]:
        raise not_one_value(path)
    size = volume_size(path, [int(n) for n in sizes])
    steps, origin, stated = _place(path, fields, int(rank))
    storage = _storage(path, fields, length, size)
    return FileHeader(grid(size, steps, origin), storage, warnings=[*([] if stated else [UNSTATED]), *_scaled(fields)])


def _scaled(fields: dict[str, str]) -> list[str]:
    """A warning for a file that scales its values, which ITK and so 3D Slicer leave as they are stored."""
    names = ("ElementToIntensityFunctionSlope", "ElementToIntensityFunctionOffset")
    told = [f"{name} = {fields[name]}" for name, usual in zip(names, ("1", "0")) if fields.get(name, usual) != usual]
    return [f"The file says {' and '.join(told)}; as in 3D Slicer, its values were taken as stored."] if told else []


def _fields(path: Path, head: bytes) -> tuple[dict[str, str], int]:
    """The header's fields by name, and the number of its bytes."""
    fields: dict[str, str] = {}
    end = 0
    for line in head.splitlines(keepends=True):
        end += len(line)
        name, equals, value = line.decode("utf-8", "surrogateescape").partition("=")
        if not equals and line.strip():
            break
        fields.setdefault(name.strip(), value.strip())
        if name.strip() == _DATA:
            return fields, end
    raise damaged(path, f'it has no "{_DATA}"')


def _numbers(path: Path, fields: dict[str, str], names: str, count: int, otherwise: str = "") -> list[float]:
    """The numbers of the first field that is there, or ``otherwise``; ``names`` are separated by spaces."""
    text = next((fields[name] for name in names.split() if name in fields), otherwise)
    try:
        numbers = [float(part) for part in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count:
        raise damaged(path, f'"{names.split()[0]}" is not {count} number{"s" * (count > 1)}')
    return numbers


def _place(path: Path, fields: dict[str, str], rank: int) -> tuple[np.ndarray, np.ndarray, bool]:
    """The steps from voxel to voxel (3, 3) and the origin (3,) in LPS mm, and whether the file states its axes."""
    axes_names = "TransformMatrix Rotation Orientation"
    if not {"ElementSpacing", "ElementSize"} & set(fields):
        raise ScanError(f"{path.name} does not state its voxel size.", "Add ElementSpacing to its header.")
    spacing = np.array(_numbers(path, fields, "ElementSpacing ElementSize", rank)[:3])
    check_spacing(path, spacing)
    unit = " ".join(map(str, np.eye(rank).ravel()))
    axes = np.array(_numbers(path, fields, axes_names, rank * rank, unit)).reshape(rank, rank)[:3, :3]
    origin = np.array(_numbers(path, fields, "Offset Position Origin", rank, " ".join(["0"] * rank))[:3])
    with np.errstate(all="ignore"):  # what is not finite is refused by Geometry
        lengths = np.linalg.norm(axes, axis=1, keepdims=True)
        steps = axes / np.where(lengths > 0, lengths, 1) * spacing[:, np.newaxis]
    return steps, origin, bool(set(axes_names.split()) & set(fields))


def _storage(path: Path, fields: dict[str, str], length: int, size: tuple[int, int, int]) -> Storage:
    kind = fields.get("ElementType", "")
    if kind.endswith("_ARRAY"):
        raise not_one_value(path)
    if kind not in _TYPES:
        raise damaged(path, f'unknown element type "{kind}"')
    if not _is_true(fields, "BinaryData", otherwise="True"):
        raise ScanError(f"{path.name} stores its voxels as text.", "Save it again as a binary file.")
    msb = any(_is_true(fields, name) for name in ("BinaryDataByteOrderMSB", "ElementByteOrderMSB"))
    dtype = np.dtype(_TYPES[kind]).newbyteorder(">" if msb else "<")
    (skip,) = _numbers(path, fields, "HeaderSize", 1, "0")
    compressed = _is_true(fields, "CompressedData")
    if not skip.is_integer() or skip < -1 or (skip == -1 and compressed):
        raise damaged(path, f"its voxels cannot begin at byte {skip:g}")
    local = fields[_DATA].upper() == "LOCAL"
    file, start = (path, length) if local else (data_file(path, fields[_DATA]), 0)
    i, j, k = size
    return Storage(file, start, dtype, (k, j, i), "gzip" if compressed else "", 0 if local else int(skip))


def _is_true(fields: dict[str, str], name: str, otherwise: str = "False") -> bool:
    return fields.get(name, otherwise).upper() in ("TRUE", "T", "1", "YES")
