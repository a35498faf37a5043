"""Writing label maps and scans through SimpleITK, and Slicer segmentations through slicerio."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from flareseg.core.errors import FlareError, OutputError
from flareseg.core.geometry import LPS_TO_RAS, Geometry
from flareseg.core.organs import LEFT_KIDNEY, Organ, organs_shown
from flareseg.core.shortage import ran_out
from flareseg.core.volume import Volume
from flareseg.io.image_files.nifti import is_nifti
from flareseg.io.outputs import atomic_write
from flareseg.io.reading import check_whole

SEGMENTATION_SUFFIX = ".seg.nrrd"
SUFFIXES = (SEGMENTATION_SUFFIX, ".nii.gz", ".nii", ".nrrd", ".mha")


def suffix_of(path: Path) -> str:
    """Return the label map suffix of a path. Raises OutputError for any other suffix."""
    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise OutputError(f"{path.name} has no known label map suffix.", f"Use one of {', '.join(SUFFIXES)}.")


def write_labels(
    path: str | os.PathLike[str], labels: np.ndarray, geometry: Geometry, organs: Collection[str] | None = None
) -> None:
    """Write a label map. The file appears whole or not at all; an existing one is replaced.

    Args:
        path: A file name that ends in .nii.gz, .nii, .nrrd or .mha, or in .seg.nrrd for a segmentation that 3D Slicer
            opens with one segment for each organ, its name, colour and terminology.
        labels: Label values, uint8 (k, j, i); see ``flareseg.core.organs``.
        geometry: The grid of ``labels``, which is that of the scan.
        organs: Names of the organs that get a segment, of a file in .seg.nrrd. None: all.

    Raises:
        OutputError: The suffix is unknown, the shapes differ, the disk is full, or the folder cannot be written to.
    """
    path = Path(path)
    if labels.shape != geometry.shape:
        raise OutputError(
            f"The label map of shape {labels.shape} does not fit its geometry of shape {geometry.shape}.",
            "Give the geometry of the scan that was segmented.",
        )
    with atomic_write(path, suffix_of(path)) as beside:
        if path.name.lower().endswith(SEGMENTATION_SUFFIX):
            _write_segmentation(beside, labels, geometry, organs)
        else:
            _write_image(beside, labels, geometry)


def write_scan(path: Path, volume: Volume) -> None:
    """Write a volume's voxels as they are. Raises OutputError."""
    with atomic_write(path, suffix_of(path)) as beside:
        _write_image(beside, volume.voxels, volume.geometry)


def _write_image(path: Path, voxels: np.ndarray, geometry: Geometry) -> None:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(np.array(geometry.direction)[::-1].T.ravel().tolist())
    with _named_for_itk(path) as file:
        try:
            sitk.WriteImage(image, str(file), useCompression=True)
        except RuntimeError as error:
            if ran_out(error):
                raise
            raise _refused(file, error) from error
        if is_nifti(file):  # of which ITK writes a part to a full disk without a word
            _check_written(file)


@contextlib.contextmanager
def _named_for_itk(path: Path) -> Iterator[Path]:
    """``path``, or where its name is not UTF-8, which ITK's is always, a file elsewhere that is copied to it."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            elsewhere = Path(folder) / f"image{suffix_of(path)}"
            yield elsewhere
            shutil.copyfile(elsewhere, path)
    else:
        yield path


def _check_written(path: Path) -> None:
    try:
        check_whole(path)
    except FlareError as error:
        raise _full() from error


def _refused(path: Path, error: RuntimeError) -> OSError:
    try:
        path.write_bytes(b"0")  # ITK does not say why; the system does
    except OSError as reason:
        return reason
    return _full() if "writ" in str(error) else OSError(str(error).strip().splitlines()[-1])


def _full() -> OSError:
    return OSError(errno.ENOSPC, "the disk may be full")


def _write_segmentation(path: Path, labels: np.ndarray, geometry: Geometry, names: Collection[str] | None) -> None:
    import slicerio

    split = bool((labels == LEFT_KIDNEY.label).any()) if names is None else LEFT_KIDNEY.name in names
    organs = [organ for organ in organs_shown(split) if names is None or organ.name in names]
    segmentation = {
        "voxels": labels.T,
        "ijkToLPS": LPS_TO_RAS @ geometry.ijk_to_ras(),
        "masterRepresentation": "Binary labelmap",
        "containedRepresentationNames": ["Binary labelmap"],
        "segments": [_segment(organ, labels.shape) for organ in organs],
    }
    slicerio.write_segmentation(str(path), segmentation, compression_level=1)


def _segment(organ: Organ, shape: tuple[int, ...]) -> dict[str, object]:
    k, j, i = shape
    return {
        "id": organ.name,
        "name": organ.name,
        "labelValue": organ.label,
        "layer": 0,
        "color": [round(c / 255, 4) for c in organ.colour],
        "extent": [0, i - 1, 0, j - 1, 0, k - 1],
        "tags": {"TerminologyEntry": organ.terminology_entry},
    }
