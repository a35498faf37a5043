"""The header of NIfTI-1, NIfTI-2 and Analyze 7.5 files, single or as .hdr/.img pair.

The offsets are those of the standards (nifti1.h, nifti2.h). A header is fixed bytes, so that numpy reads it;
nibabel, which reads it as well, takes longer to import than a scan takes to read.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.io.image_files.header import (
    FileHeader,
    Storage,
    check_spacing,
    damaged,
    data_file,
    not_one_value,
    volume_size,
)
from flareseg.io.image_files.nifti_orientation import Placement, placed

LENGTHS = (348, 540)  # of the header of NIfTI-1 (and Analyze), of NIfTI-2
_SINGLE, _PAIR = (b"n+1", b"n+2"), (b"ni1", b"ni2")
_PAIR_SUFFIXES = (".hdr", ".img")
_TYPES = {
    2: "u1",
    4: "i2",
    8: "i4",
    16: "f4",
    64: "f8",
    256: "i1",
    512: "u2",
    768: "u4",
    1024: "i8",
    1280: "u8",
}
_NOT_ONE_VALUE = (32, 128, 1792, 2048, 2304)  # complex numbers and colours
_MM = {1: 1000.0, 2: 1.0, 3: 0.001}  # of the unit of length: metre, millimetre, micrometre
_FIELDS = {  # name: (type, offset in NIfTI-1), (type, offset in NIfTI-2)
    "magic": (("S4", 344), ("S8", 4)),
    "datatype": (("i2", 70), ("i2", 12)),
    "dim": (("8i2", 40), ("8i8", 16)),
    "pixdim": (("8f4", 76), ("8f8", 104)),
    "vox_offset": (("f4", 108), ("i8", 168)),
    "scl_slope": (("f4", 112), ("f8", 176)),
    "scl_inter": (("f4", 116), ("f8", 184)),
    "qform_code": (("i2", 252), ("i4", 344)),
    "sform_code": (("i2", 254), ("i4", 348)),
    "quaternion": (("3f4", 256), ("3f8", 352)),
    "qoffset": (("3f4", 268), ("3f8", 376)),
    "srow": (("(3,4)f4", 280), ("(3,4)f8", 400)),
    "units": (("u1", 123), ("i4", 500)),
}


def is_nifti(path: Path) -> bool:
    return path.name.lower().endswith((".nii", ".nii.gz"))


def begins_nifti(head: bytes) -> bool:
    return any(int.from_bytes(head[:4], order) in LENGTHS for order in ("little", "big"))  # type: ignore[arg-type]


def parse(path: Path, head: bytes, compressed: bool) -> FileHeader:
    """``head``: the first bytes of the file, decompressed. Raises ScanError."""
    little = int.from_bytes(head[:4], "little")
    length = little if little in LENGTHS else int.from_bytes(head[:4], "big")
    if len(head) < length:
        raise ScanError(f"{path.name} is cut short within its header.", "Copy or export the scan again.")
    fields = _fields(length).newbyteorder("<" if little == length else ">")
    facts = np.frombuffer(head, fields, count=1)[0]
    magic = bytes(facts["magic"])[:3]
    if magic not in _SINGLE + _PAIR and not (length == 348 and path.name.lower().endswith(_PAIR_SUFFIXES)):
        raise ScanError(f"{path.name} has no NIfTI header.", "Copy or export the scan again.")
    rank = int(facts["dim"][0])
    if not 1 <= rank <= 7:
        raise damaged(path, f"{rank} dimensions are not possible")
    sizes = [int(size) for size in facts["dim"][1 : rank + 1]]
    if rank == 5 and sizes[3] == 1 and sizes[4] > 1:  # the standard's place of a vector's parts
        raise not_one_value(path)
    size = volume_size(path, [*sizes[:3], *(max(1, n) for n in sizes[3:])])
    geometry, warnings = placed(size, _placement(path, facts, magic))
    storage = _storage(path, facts, length, size, compressed)
    slope, intercept = (1.0, 0.0) if magic not in _SINGLE + _PAIR else _scale(facts)
    return FileHeader(geometry, storage, slope, intercept, warnings)


def _fields(length: int) -> np.dtype:
    places = [field[LENGTHS.index(length)] for field in _FIELDS.values()]
    return np.dtype(
        {
            "names": list(_FIELDS),
            "formats": [form for form, _ in places],
            "offsets": [offset for _, offset in places],
            "itemsize": length,
        }
    )


def _placement(path: Path, facts: np.void, magic: bytes) -> Placement:
    unit = _MM.get(int(facts["units"]) & 7, 1.0) if magic else 1.0
    spacing = facts["pixdim"][1:4].astype(float) * unit
    check_spacing(path, spacing)
    stated = magic in _SINGLE + _PAIR
    return Placement(
        spacing=spacing,
        qform_code=int(facts["qform_code"]) if stated else 0,
        sform_code=int(facts["sform_code"]) if stated else 0,
        quaternion=facts["quaternion"].astype(float),
        offset=facts["qoffset"].astype(float) * unit,
        flipped=bool(facts["pixdim"][0] < 0),
        sform=facts["srow"].astype(float) * unit,
    )


def _storage(path: Path, facts: np.void, length: int, size: tuple[int, int, int], compressed: bool) -> Storage:
    datatype = int(facts["datatype"])
    if datatype in _NOT_ONE_VALUE:
        raise not_one_value(path)
    if datatype not in _TYPES:
        raise damaged(path, f"unknown data type {datatype}")
    dtype = np.dtype(_TYPES[datatype]).newbyteorder(facts["dim"].dtype.byteorder)
    i, j, k = size
    offset = float(facts["vox_offset"])
    if not 0 <= offset < 1 << 40:
        raise damaged(path, f"its voxels cannot begin at byte {offset:g}")
    if bytes(facts["magic"])[:3] in _SINGLE:
        start, file = max(int(offset), length), path
    else:
        start, file = int(offset), _image_of_pair(path)
        with file.open("rb") as stream:
            compressed = stream.read(2) == b"\x1f\x8b"
    if compressed:
        return Storage(file, 0, dtype, (k, j, i), "gzip", start)
    return Storage(file, start, dtype, (k, j, i))


def _image_of_pair(path: Path) -> Path:
    """The file with the voxels that belongs to a .hdr file."""
    stem = path.name.removesuffix(".gz")
    stem = stem[: -len(Path(stem).suffix)]
    names = [f"{stem}{suffix}" for suffix in (".img", ".img.gz", ".IMG")]
    there = [name for name in names if (path.parent / name).exists()]
    return data_file(path, (there or names)[0])


def _scale(facts: np.void) -> tuple[float, float]:
    """A slope of zero, or none, stands for values as they are stored."""
    slope, intercept = float(facts["scl_slope"]), float(facts["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return (1.0, 0.0)
    return (slope, intercept if math.isfinite(intercept) else 0.0)
