"""The grid and storage that a header of any format describes, and the checks that all formats share."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import Literal

import numpy as np

from flareseg.core.errors import ScanError
from flareseg.core.geometry import SHEAR_TOLERANCE, Geometry

LONGEST = 1 << 20  # bytes of a header that are looked at; real ones stay below 100 kB
_LONGEST_AXIS = 1 << 20
UNSTATED = (
    "The file does not state the orientation of the patient; its axes were taken to run to left, posterior and "
    "superior. Check right and left in the result."
)

Compression = Literal["", "gzip", "bzip2"]  # "gzip" stands for zlib's own format, too


@dataclass(frozen=True)
class Storage:
    """Where the voxels lie: in ``file``, behind ``skip`` bytes of what is decompressed from byte ``start`` on.

    A ``skip`` of -1: they are the last bytes of the file. ``shape``: (k, j, i).
    """

    file: Path
    start: int
    dtype: np.dtype
    shape: tuple[int, int, int]
    compression: Compression = ""
    skip: int = 0

    @property
    def nbytes(self) -> int:
        k, j, i = self.shape
        return k * j * i * self.dtype.itemsize


@dataclass(frozen=True)
class FileHeader:
    """The grid and the storage of one volume. A voxel's value is stored value x ``slope`` + ``intercept``."""

    geometry: Geometry
    storage: Storage
    slope: float = 1.0
    intercept: float = 0.0
    warnings: list[str] = field(default_factory=list)


def damaged(path: Path, what: str) -> ScanError:
    return ScanError(f"The header of {path.name} is damaged: {what}.", "Copy or export the scan again.")


def not_one_value(path: Path) -> ScanError:
    return ScanError(f"{path.name} is a colour or vector image.", "Choose a CT with one value a voxel.")


def check_regular(path: Path) -> None:
    """Raise ScanError for a pipe, device or socket, which could block or never end. Raises OSError."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise ScanError(f"{path} is not an ordinary file but a device, pipe or socket.", "Give an image file.")


def volume_size(path: Path, sizes: Sequence[int]) -> tuple[int, int, int]:
    """The sizes (i, j, k) of what must be one volume; further axes may have one voxel.

    Raises ScanError for 2D images, time series, and sizes that cannot be.
    """
    if not all(0 < size <= _LONGEST_AXIS for size in sizes):
        raise damaged(path, f"a size of {' x '.join(map(str, sizes))} voxels is not possible")
    if len(sizes) < 3:
        raise ScanError(f"{path.name} is a 2D image.", "Choose the whole CT volume rather than one slice.")
    if max(sizes[3:], default=1) > 1:
        raise ScanError(
            f"{path.name} has {len(sizes)} dimensions (a time series?).",
            "Export one time point as a volume of its own.",
        )
    return (sizes[0], sizes[1], sizes[2])


def check_spacing(path: Path, spacing: np.ndarray) -> None:
    """Raise ScanError unless each voxel size (i, j, k) in mm is a positive number."""
    if not all(0 < mm < float("inf") for mm in spacing):
        sizes = " x ".join(f"{mm:g}" for mm in spacing)
        raise ScanError(
            f"{path.name} has a voxel spacing that is not positive ({sizes} mm).",
            "Correct the header or export the scan again.",
        )


def grid(size: tuple[int, int, int], steps: np.ndarray, origin: np.ndarray) -> Geometry:
    """The geometry of ``size`` (i, j, k) voxels.

    ``steps`` (3, 3): row n is the way from one voxel to the next along axis i, j or k in LPS mm;
    ``origin`` (3,): the first voxel's centre. Axes that rounding has brought off a right angle are straightened.
    Raises ScanError as Geometry does.
    """
    with np.errstate(all="ignore"):  # what is not finite is refused by Geometry
        spacing = np.linalg.norm(steps, axis=1)
        axes = _straightened(steps / np.where(spacing > 0, spacing, 1)[:, np.newaxis])
    i, j, k = size
    x, y, z = (_vector(axis) for axis in axes)
    return Geometry((k, j, i), _vector(spacing[::-1]), (z, y, x), _vector(origin))


def _straightened(axes: np.ndarray) -> np.ndarray:
    """The nearest axes at right angles; those that are off by more than rounding are left for Geometry to refuse."""
    off = np.abs(axes @ axes.T - np.eye(3)).max()
    if not off <= SHEAR_TOLERANCE:
        return axes
    left, _, right = np.linalg.svd(axes)
    return left @ right


def _vector(values: np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return (x, y, z)


def data_file(header: Path, name: str) -> Path:
    """The file of voxels that ``header`` names, which must be one ordinary file beside it or below.

    Raises ScanError for anything else: lists, printf patterns, other folders, missing files.
    """
    windows = PureWindowsPath(name)
    hint = "Save the scan again as one file (.nii.gz, .nrrd or .mha)."
    if "%" in name or name.split()[:1] == ["LIST"]:
        raise ScanError(f"{header.name} names several data files ({name}); only one can be read.", hint)
    if windows.anchor or name.startswith(("/", "~")) or ".." in windows.parts or not name or "\0" in name:
        raise ScanError(f'{header.name} names a data file in another folder ("{name}").', hint)
    file = header.parent / name
    if not file.exists():
        raise ScanError(f"{header.name} keeps its voxels in {name}, which is missing.", "Copy it next to the header.")
    check_regular(file)
    return file
