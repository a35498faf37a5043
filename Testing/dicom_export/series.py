"""Small DICOM series of every kind with organs in them, and independent readers of what is written of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from dicom_files import moved, small_volume, write_enhanced, write_series
from flareseg.core.geometry import Geometry
from flareseg.core.report import OrganFacts, WeightsFacts
from flareseg.core.volume import Volume
from flareseg.dicom_export.source import source_of
from flareseg.dicom_export.targets import DicomTargets
from flareseg.dicom_export.writer import DicomResult, write_dicom_files
from flareseg.io.reading import read_volume
from pydicom import Dataset, dcmread
from pydicom.pixels.utils import unpack_bits

WEIGHTS = [WeightsFacts("roi_unet.safetensors", "ab" * 32), WeightsFacts("dense_vnet.safetensors", "cd" * 32)]
NAMES = {1: "Liver", 2: "Right kidney", 3: "Spleen", 4: "Pancreas", 5: "Left kidney"}
TAGS = {
    "PatientBirthDate": "19600102",
    "PatientSex": "F",
    "StudyDate": "20240506",
    "StudyTime": "101112",
    "StudyID": "17",
    "AccessionNumber": "A17",
    "ReferringPhysicianName": "Doe^Jane",
}
_COSINE, _SINE = float(np.cos(0.3)), float(np.sin(0.3))


def square(slices: int = 24, axes: np.ndarray | None = None) -> Volume:
    """The small volume as a square of square pixels, which rt-utils reads; ``axes``: directions of (k, j, i), LPS."""
    volume = small_volume(slices, 20, 20)
    direction = volume.geometry.direction if axes is None else tuple(map(tuple, axes.tolist()))
    return replace(volume, geometry=replace(volume.geometry, spacing=(5.0, 1.5, 1.5), direction=direction))


def _axial(folder: Path) -> Path:
    return write_series(folder, square(), **TAGS)


def _oblique(folder: Path) -> Path:
    axes = np.array([[0, -_SINE, _COSINE], [0, _COSINE, _SINE], [1, 0, 0]])
    return write_series(folder, square(axes=axes), **TAGS)


def _feet_first(folder: Path) -> Path:
    return write_series(folder, square(axes=np.array([[0.0, 0, -1], [0, 1, 0], [-1, 0, 0]])), **TAGS)


def _decubitus(folder: Path) -> Path:
    return write_series(folder, square(axes=np.array([[0.0, 0, 1], [-1, 0, 0], [0, 1, 0]])), **TAGS)


def _sagittal(folder: Path) -> Path:
    return write_series(folder, square(axes=np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])), **TAGS)


def _gap(folder: Path) -> Path:
    return write_series(folder, square(), lambda dataset, k: None if k == 11 else dataset, **TAGS)


def _tilted(folder: Path) -> Path:
    return write_series(folder, square(), lambda dataset, k: moved(dataset, back=2.0 * k), **TAGS)


def _downwards(folder: Path) -> Path:
    """File names and instance numbers from head to foot."""
    volume = square()

    def renumbered(dataset: Dataset, k: int) -> Dataset:
        dataset.InstanceNumber = 24 - k
        return dataset

    return write_series(folder, volume, renumbered, **TAGS)


def _two_stations(folder: Path) -> Path:
    """10 slices, and 100 mm above them 14 more of another acquisition."""

    def apart(dataset: Dataset, k: int) -> Dataset:
        dataset.AcquisitionNumber = 1 + (k >= 10)
        return moved(dataset, up=100.0 * (k >= 10))

    return write_series(folder, square(), apart, **TAGS)


def _enhanced(folder: Path) -> Path:
    """Its frames in no order."""
    path = write_enhanced(folder / "ct.dcm", square(), np.random.default_rng(0).permutation(24).tolist())
    dataset = dcmread(path)
    for keyword, value in TAGS.items():
        setattr(dataset, keyword, value)
    dataset.save_as(path)
    return path


def _not_square(folder: Path) -> Path:
    return write_series(folder, small_volume(), **TAGS)


SERIES: dict[str, Callable[[Path], Path]] = {
    "axial": _axial,
    "oblique": _oblique,
    "feet first": _feet_first,
    "decubitus": _decubitus,
    "sagittal": _sagittal,
    "with a gap": _gap,
    "tilted gantry": _tilted,
    "from head to foot": _downwards,
    "two stations": _two_stations,
    "enhanced multi-frame": _enhanced,
    "pixels that are not square": _not_square,
}


def some_labels(geometry: Geometry) -> np.ndarray:
    """Five boxes; no organ in the two lowest slices and in the highest."""
    labels = np.zeros(geometry.shape, np.uint8)
    top = geometry.shape[0]
    labels[2 : top - 1, 2:7, 2:7] = 1
    labels[3 : top - 2, 9:14, 2:6] = 2
    labels[4 : top - 3, 9:14, 9:13] = 5
    labels[2 : top - 4, 15:18, 4:9] = 3
    labels[5 : top - 1, 3:6, 10:14] = 4
    labels[5, 4, 4] = 0  # a hole
    return labels


def facts_of(labels: np.ndarray, voxels: np.ndarray, geometry: Geometry) -> list[OrganFacts]:
    """In the order of a report."""
    found = []
    for label in (1, 2, 5, 3, 4):
        mask = labels == label
        hu, count, confidence = voxels[mask].astype(float), int(mask.sum()), 0.99 - label / 25
        millilitres = count * geometry.voxel_ml
        found.append(OrganFacts(label, NAMES[label], count, millilitres, [], hu.mean(), hu.std(), confidence))
    return found


@dataclass
class Written:
    """A series that was read, labels on it, and the files that were written of them."""

    volume: Volume
    labels: np.ndarray
    uncertainty: np.ndarray
    organs: list[OrganFacts]
    targets: DicomTargets

    def dataset(self, name: str) -> Dataset:
        return dcmread(getattr(self.targets, name))

    def source_files(self) -> list[Dataset]:
        """Of each slice."""
        assert self.volume.dicom_slices is not None
        return [dcmread(path, stop_before_pixels=True) for path, _frame in self.volume.dicom_slices]


def written(scan: Path, folder: Path, structures: bool = False) -> Written:
    volume = read_volume(scan)
    labels = some_labels(volume.geometry)
    percent = np.random.default_rng(17).integers(0, 101, labels.shape, dtype=np.uint8) * (labels > 0)
    folder.mkdir(parents=True, exist_ok=True)
    targets = DicomTargets(
        folder / "seg.dcm", folder / "sr.dcm", folder / "uncertainty.dcm", folder / "rt.dcm" if structures else None
    )
    organs = facts_of(labels, volume.voxels, volume.geometry)
    write_dicom_files(targets, DicomResult(source_of(volume), labels, organs, WEIGHTS, percent))
    return Written(volume, labels, percent, organs, targets)


def faults(path: Path) -> list[str]:
    """What dciodvfy, of David Clunie's dicom3tools, calls an error."""
    if shutil.which("dciodvfy") is None:
        pytest.skip("dciodvfy is not installed (Debian: dicom3tools)")
    done = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, errors="replace", check=False)
    lines = (done.stdout + done.stderr).splitlines()
    assert lines, "dciodvfy names the kind of object at least"
    return [line for line in lines if line.startswith("Error")]


def frames_of(dataset: Dataset) -> np.ndarray:
    """The frames of a segmentation, (frame, row, column), by pydicom alone."""
    shape = (int(dataset.NumberOfFrames), dataset.Rows, dataset.Columns)
    if dataset.BitsAllocated == 1:
        return unpack_bits(dataset.PixelData)[: int(np.prod(shape))].reshape(shape)
    return np.frombuffer(dataset.PixelData, np.uint8)[: int(np.prod(shape))].reshape(shape)
