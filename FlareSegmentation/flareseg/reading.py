"""Reading a scan from a file or a DICOM folder through SimpleITK."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from flareseg import dicom, nifti_check
from flareseg.errors import FlareError, bad_scan
from flareseg.free_memory import MB
from flareseg.geometry import Geometry, Vector
from flareseg.limits import check_reading
from flareseg.shortage import ran_out
from flareseg.volume import Volume

SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".nhdr", ".mha", ".mhd")


CheckSize = Callable[[int, float, float], None]


def read_volume(path: Path, check_size: CheckSize = check_reading) -> Volume:
    """The scan in a NIfTI, NRRD or MetaImage file, or in a folder with a DICOM series.

    Of several series in a folder the one with the most slices is read, and a warning says so. ``check_size`` is called
    before voxels are read, with their number, their MB in memory, and the MB that reading takes; it may raise.
    Raises FlareError("bad_scan" or "memory") with what is wrong and what to do.
    """
    if not path.exists():
        raise bad_scan(f"There is no file or folder {path}.", "Check the path.")
    if path.is_dir():
        return _read_dicom(path, check_size)
    try:
        return _read_file(path, check_size)
    except OSError as error:
        if ran_out(error):
            raise
        raise bad_scan(
            f"{path.name} cannot be read: {error.strerror or error}.", "Check that you may read it."
        ) from error


def is_scan_file(path: Path) -> bool:
    return path.is_file() and path.name.lower().endswith(SUFFIXES)


def stem(path: Path) -> str:
    """The name of a scan without its image suffix."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.name


def image_geometry(image: sitk.Image) -> Geometry:
    """The geometry of a three-dimensional SimpleITK image."""
    columns = np.array(image.GetDirection()).reshape(3, 3)
    i, j, k = (_vector(columns[:, axis]) for axis in range(3))
    shape = tuple(reversed(image.GetSize()))
    return Geometry(
        (shape[0], shape[1], shape[2]), _vector(image.GetSpacing()[::-1]), (k, j, i), _vector(image.GetOrigin())
    )


def _read_file(path: Path, check_size: CheckSize) -> Volume:
    with path.open("rb") as stream:
        if not stream.read(1):
            raise bad_scan(f"{path.name} is empty (0 bytes).", "Copy or export the scan again.")
    header = _check_header(path)
    _check_size(header, math.prod(header.GetSize()), 2 if nifti_check.is_nifti(path) else 1, check_size)
    with ThreadPoolExecutor(1) as pool:  # the look at a NIfTI file runs beside its reading
        look = pool.submit(nifti_check.inspect, path) if nifti_check.is_nifti(path) else None
        image = _execute(path)
        facts = look.result() if look else nifti_check.NiftiFacts()
    if facts.problem:
        raise bad_scan(f"{path.name}: {facts.problem}", "Copy or export the scan again.")
    volume = _volume(image, stem(path), [])
    if facts.odd_voxels.size:
        volume.voxels = volume.voxels.copy()
        volume.voxels.reshape(-1)[facts.odd_voxels] = np.nan
    return volume


def _check_header(path: Path) -> sitk.ImageFileReader:
    """The header of a file. Refuses what is not one scalar volume before its voxels are read."""
    reader = sitk.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    size = reader.GetSize()
    dimensions = max((axis + 1 for axis, n in enumerate(size) if n > 1), default=0)
    if reader.GetNumberOfComponents() > 1:
        raise bad_scan(f"{path.name} is a colour or vector image.", "Choose a CT with one value a voxel.")
    if dimensions > 3:
        raise bad_scan(
            f"{path.name} has {len(size)} dimensions (a time series?).", "Export one time point as a volume of its own."
        )
    if len(size) < 3:
        raise bad_scan(f"{path.name} is a 2D image.", "Choose the whole CT volume rather than one slice.")
    if not all(np.isfinite(reader.GetSpacing())) or min(reader.GetSpacing()) <= 0:
        spacing = " x ".join(f"{s:g}" for s in reader.GetSpacing())
        raise bad_scan(
            f"{path.name} has a voxel spacing that is not positive ({spacing} mm).",
            "Correct the header or export the scan again.",
        )
    return reader


def _check_size(header: sitk.ImageFileReader, voxels: int, copies: int, check_size: CheckSize) -> None:
    """``copies``: how many times ITK holds the voxels while it reads such a file."""
    voxel = sitk.GetArrayViewFromImage(sitk.Image([1, 1, 1], header.GetPixelID()))
    scan_mb = voxels * voxel.itemsize / MB
    check_size(voxels, scan_mb, copies * scan_mb)


def _execute(path: Path) -> sitk.Image:
    try:
        image = sitk.ReadImage(str(path))
    except RuntimeError as error:
        raise _unreadable(path, error) from error
    while image.GetDimension() > 3:
        image = image[..., 0]
    return image


def _unreadable(path: Path, error: RuntimeError) -> FlareError | RuntimeError:
    """What is wrong with a file that ITK cannot read. A lack of memory is no fault of the file, and stays as it is."""
    if ran_out(error):
        return error
    text = str(error)
    if "orthonormal" in text:
        return bad_scan(
            f"The axes of {path.name} are sheared: its slices are not at right angles to each other.",
            "Resample it to a rectangular grid and try again.",
        )
    if nifti_check.is_nifti(path) and nifti_check.is_nifti2(path):
        return bad_scan(f"{path.name} is a NIfTI-2 file, which cannot be read.", "Save it as NIfTI-1 or NRRD.")
    if "Unable to determine ImageIO" in text:
        return bad_scan(
            f"{path.name} is damaged, or is not an image file that can be read.",
            f"Give a scan as {', '.join(SUFFIXES)}, or a folder with a DICOM series.",
        )
    return bad_scan(f"{path.name} is damaged or cut short.", "Copy or export the scan again.")


def _volume(image: sitk.Image, name: str, warnings: list[str]) -> Volume:
    geometry = image_geometry(image)
    return Volume(np.asarray(_Buffer(image)), geometry, name, warnings)


class _Buffer:
    """Lends an image's voxels to numpy, which then keeps the image alive; SimpleITK's own view does not."""

    def __init__(self, image: sitk.Image) -> None:
        self._image = image
        self.__array_interface__ = sitk.GetArrayViewFromImage(image).__array_interface__


def _read_dicom(folder: Path, check_size: CheckSize) -> Volume:
    try:
        next(folder.iterdir(), None)
        series = dicom.find_series(folder)
    except OSError as error:
        raise bad_scan(
            f"The folder {folder} cannot be read: {error.strerror}.", "Check that you may read it."
        ) from error
    if series is None:
        raise bad_scan(
            f"The folder {folder} holds no DICOM series and no scan file.",
            f"Give a scan as {', '.join(SUFFIXES)}, or the folder that holds the DICOM files themselves.",
        )
    header = sitk.ImageFileReader()
    header.SetFileName(series.files[0])
    header.ReadImageInformation()
    _check_size(header, math.prod(header.GetSize()[:2]) * len(series.files), 1, check_size)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(series.files)
    try:
        image = reader.Execute()
    except RuntimeError as error:
        if ran_out(error):
            raise
        raise bad_scan(f"The DICOM series in {folder} cannot be read.", "Copy or export the series again.") from error
    return _volume(image, folder.resolve().name, series.warnings)


def _vector(values: object) -> Vector:
    x, y, z = (float(v) for v in values)  # type: ignore[attr-defined]
    return (x, y, z)
