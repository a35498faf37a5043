"""The scans of the benchmark: one CT resampled to several numbers of slices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from flareseg.core.geometry import Geometry, Vector
from flareseg.core.volume import AIR_HU, Volume
from flareseg.io.reading import read_volume
from flareseg.io.writing import write_scan
from flareseg.phantom import make_phantom

IN_PLANE = 512
# a real CT that may lie beside a developer's checkout
BESIDE_CHECKOUT = Path(__file__).resolve().parents[2] / "shared" / "data" / "ct" / "spl_abdomen" / "ct.nii.gz"


@dataclass(frozen=True)
class BaseScan:
    """The CT that all scans are made of, and what to call it."""

    volume: Volume
    about: str

    @classmethod
    def of(cls, scan: Path | None) -> BaseScan:
        """``scan``, or the CT beside the checkout, or the phantom. Raises ScanError."""
        if scan is None and BESIDE_CHECKOUT.is_file():
            scan = BESIDE_CHECKOUT
        if scan is None:
            return cls(make_phantom().volume, "the synthetic CT of flareseg phantom (give a real one with --scan)")
        volume = read_volume(scan)
        return cls(volume, f"a CT of {' x '.join(str(n) for n in reversed(volume.voxels.shape))} voxels")


def voxels_of(slices: int) -> int:
    return slices * IN_PLANE**2


def write_with_slices(path: Path, source: Volume, slices: int, in_plane: int = IN_PLANE) -> None:
    """The same body in ``slices`` slices of ``in_plane`` squared voxels, int16, as .nii.gz."""
    write_scan(path, resampled(source, (slices, in_plane, in_plane)))


def resampled(volume: Volume, shape: tuple[int, int, int]) -> Volume:
    """A volume on a grid of ``shape`` (k, j, i) voxels of the same extent, interpolated linearly."""
    ratio = np.array(volume.voxels.shape) / shape
    image = sitk.GetImageFromArray(np.ascontiguousarray(volume.voxels).astype(np.int16))
    offset = (ratio - 1) / 2  # of the first voxel's centre, in old voxels
    voxels = sitk.Resample(
        image,
        [int(n) for n in shape[::-1]],
        sitk.Transform(),
        sitk.sitkLinear,
        offset[::-1].tolist(),
        ratio[::-1].tolist(),
        np.eye(3).ravel().tolist(),
        AIR_HU,
    )
    return Volume(sitk.GetArrayFromImage(voxels), _on_grid(volume.geometry, shape, ratio, offset), volume.name)


def _on_grid(geometry: Geometry, shape: tuple[int, int, int], ratio: np.ndarray, offset: np.ndarray) -> Geometry:
    direction, spacing = np.array(geometry.direction), np.array(geometry.spacing)
    origin = np.array(geometry.origin) + (offset * spacing) @ direction
    return Geometry(shape, _vector(spacing * ratio), geometry.direction, _vector(origin))


def _vector(values: np.ndarray) -> Vector:
    a, b, c = (float(value) for value in values)
    return (a, b, c)
