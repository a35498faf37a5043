"""A scan in memory: its voxels and geometry, and the checks that it can be segmented."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from flareseg.core.errors import NoAbdomenError, ScanError
from flareseg.core.geometry import Geometry, Orientation

AIR_HU = -1024
FEWEST_SLICES = 4
_FEW_SLICES = 20
_COARSE_MM = 6.0
FINEST_MM, COARSEST_MM = 0.05, 40.0
_OBLIQUE_DEGREES = 15.0
_LEAST_RANGE_HU = 100.0  # fat to muscle is more; a scan below it was normalised
_LEAST_SOFT_SHARE = 0.02  # of voxels between fat and contrast-filled vessels
_TOO_BRIGHT_HU = 20000.0
_FAT_OR_LUNG_HU = (-900, -30)  # some of it is in every CT of a body
_LEAST_FAT_SHARE = 1e-3
_DENSE_HU = 600  # bone and metal
_MOST_DENSE_SHARE = 0.1
_NORMALISED = 2.0  # the range of images that were scaled to 0..1 or -1..1
_TO_HU = "Choose a CT, or convert its values to HU (value x rescale slope + rescale intercept)."


@dataclass
class Volume:
    """A CT in memory.

    Attributes:
        voxels: Hounsfield units, array (k, j, i) = (slices, rows, columns) of any integer or floating-point type.
        geometry: The grid of ``voxels``.
        name: Name of the scan for the report.
        warnings: Messages about the scan for people, for example about its reading.
        next_choice: Reads another scan of the same folder, which may show the abdomen if this one does not. None:
            there is none.
        dicom_slices: Of a scan read from DICOM, the file of each slice (k) and its frame in that file, from 0. None:
            the scan was not read from DICOM.
    """

    voxels: np.ndarray
    geometry: Geometry
    name: str = "scan"
    warnings: list[str] = field(default_factory=list)
    next_choice: Callable[[], Volume] | None = None
    dicom_slices: list[tuple[Path, int]] | None = None

    @property
    def canonical(self) -> Volume:
        """The same scan with its axes to superior, posterior and left, as a view: no voxel is resampled."""
        orientation = Orientation.of(self.geometry)
        return Volume(orientation.view(self.voxels), orientation.geometry(self.geometry), self.name)


def read_instead(next_choice: Callable[[], Volume], nothing: NoAbdomenError) -> Volume:
    """Read the next choice after a scan without an abdomen.

    Args:
        next_choice: As of ``Volume``.
        nothing: What was said of the scan before.

    Returns:
        The next scan.

    Raises:
        NoAbdomenError: The next scan cannot be used; the message says why, after that of ``nothing``.
    """
    try:
        return next_choice()
    except ScanError as error:
        message = f"{nothing.message} Another scan of the folder cannot be used: {error.message}"
        raise NoAbdomenError(message, nothing.hint) from error


def checked(volume: Volume) -> Volume:
    """Check that a scan can be segmented, and add a warning for everything unusual about it.

    Args:
        volume: The scan; it is not changed.

    Returns:
        The scan with its warnings; NaN and infinite voxels are replaced by air (-1024 HU).

    Raises:
        ScanError: The scan is not three-dimensional, has fewer than 4 slices, does not fit its geometry, is constant,
            is not in HU, consists mostly of voxels that are not finite, or has an implausible spacing.
    """
    _check_shape(volume.voxels)
    voxels, warnings = _finite(volume.voxels)
    _check_range(voxels, warnings)
    _check_fits(volume)
    _look_at_grid(volume.geometry, warnings)
    return Volume(voxels, volume.geometry, volume.name, volume.warnings + warnings)


def _check_shape(voxels: np.ndarray) -> None:
    if voxels.ndim != 3 or voxels.dtype.kind not in "iuf":
        raise ScanError("The scan is not a volume of single numbers.", "Choose a CT volume with one value a voxel.")
    if min(voxels.shape) < FEWEST_SLICES:
        raise ScanError(
            f"The scan has only {min(voxels.shape)} slice(s) along one axis; at least {FEWEST_SLICES} are needed.",
            "Choose the whole CT volume rather than a slice or a projection.",
        )


def _check_fits(volume: Volume) -> None:
    if volume.voxels.shape != volume.geometry.shape:
        raise ScanError(
            f"The scan's array of shape {volume.voxels.shape} does not fit its geometry of shape "
            f"{volume.geometry.shape}.",
            "Give the geometry the array's shape, (k, j, i).",
        )


def _finite(voxels: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if voxels.dtype.kind != "f":
        return voxels, []
    unknown = voxels.size - sum(int(np.isfinite(plane).sum()) for plane in voxels)
    if not unknown:
        return voxels, []
    if unknown > voxels.size // 2:
        raise ScanError("Most voxels of the scan are not numbers (NaN or infinite).", "Export the CT again, in HU.")
    mended = np.nan_to_num(voxels, nan=AIR_HU, posinf=AIR_HU, neginf=AIR_HU)
    return mended, [f"{unknown} voxels are not numbers (NaN or infinite); they were treated as air."]


def _check_range(voxels: np.ndarray, warnings: list[str]) -> None:
    with np.errstate(over="ignore"):  # values beyond float32 are infinite then, and told of as too bright
        sample = voxels[:: max(1, voxels.shape[0] // 64), ::3, ::3].astype(np.float32)
    if (low := float(voxels.min())) == (high := float(voxels.max())):
        raise ScanError(f"Every voxel of the scan has the same value ({low:g}).", "Choose a CT volume in HU.")
    if low >= 0 or high - low < _LEAST_RANGE_HU:
        raise ScanError(
            f"The voxel values ({low:g} to {high:g}) are not Hounsfield units (air near -1000, fat near -100).",
            _TO_HU,
        )
    _check_units(sample, low, high)
    soft = float(np.mean((sample > -200) & (sample < 300) & (sample != 0)))
    if soft < _LEAST_SOFT_SHARE or high > _TOO_BRIGHT_HU or low > -100:
        warnings.append(
            f"The voxel values ({low:g} to {high:g}) are unusual for a CT; the result may be wrong. "
            "Check that the scan is a CT in Hounsfield units."
        )


def _check_units(sample: np.ndarray, low: float, high: float) -> None:
    """Refuse stored values (HU + 1024, air at 0) and normalised ones that padding of -1000, -2000 or so hides."""
    first, last = _FAT_OR_LUNG_HU
    fat = np.mean((sample > first) & (sample < last))
    if fat < _LEAST_FAT_SHARE and np.mean(sample > _DENSE_HU) > _MOST_DENSE_SHARE:
        raise ScanError(
            f"The voxel values ({low:g} to {high:g}) are not Hounsfield units: there is no fat (near -100), and much "
            "lies where soft tissue does before the rescale intercept is added (near 1000).",
            _TO_HU,
        )
    inside = sample[(sample > first) & (sample != 0)]
    if inside.size and np.mean(np.abs(inside) <= _NORMALISED) > 1 - _MOST_DENSE_SHARE:
        raise ScanError(
            f"The voxel values are not Hounsfield units: most lie between {-_NORMALISED:g} and {_NORMALISED:g}.", _TO_HU
        )


def _look_at_grid(geometry: Geometry, warnings: list[str]) -> None:
    if min(geometry.spacing) < FINEST_MM or max(geometry.spacing) > COARSEST_MM:
        size = " x ".join(f"{mm:g}" for mm in reversed(geometry.spacing))
        raise ScanError(f"A voxel size of {size} mm is not plausible.", "Correct the voxel spacing in the header.")
    if min(geometry.shape) < _FEW_SLICES:
        warnings.append(f"The scan has only {min(geometry.shape)} slices; organs may be incomplete.")
    if max(geometry.spacing) > _COARSE_MM:
        warnings.append(f"The voxels are coarse ({max(geometry.spacing):.1f} mm); small organs may be missed.")
    if geometry.obliqueness > _OBLIQUE_DEGREES:
        warnings.append(
            f"The scan's grid is turned by {geometry.obliqueness:.0f} degrees against the patient's axes; "
            "the result may be less accurate."
        )
