"""Writes CT slices as DICOM files, one a slice or all in one, with tags that a test can change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

Edit = Callable[[Dataset, int], "Dataset | None"]

SERIES = "1.2.826.0.1.3680043.8.498.1"
INTERCEPT = -1024


def small_volume(slices: int = 24, rows: int = 20, columns: int = 16) -> Volume:
    """Another value in every voxel; 5 x 2 x 1.5 mm, slices upwards, rows to the back, columns to the left."""
    voxels = np.arange(slices * rows * columns, dtype=np.int16).reshape(slices, rows, columns) - 1000
    axes = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
    return Volume(voxels, Geometry(voxels.shape, (5.0, 2.0, 1.5), axes, (-50.0, -60.0, -70.0)))


def ct_slice(volume: Volume, k: int, series: str = SERIES) -> Dataset:
    """Slice ``k`` of a volume in HU, as unsigned 16 bits with an intercept of -1024."""
    geometry = volume.geometry
    dataset = _base(CTImageStorage, f"{series}.{k + 1}", series, volume.voxels[k])
    position = np.array(geometry.origin) + k * geometry.spacing[0] * np.array(geometry.direction[0])
    dataset.InstanceNumber = k + 1
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.ImagePositionPatient = [f"{value:.5f}" for value in position]
    dataset.ImageOrientationPatient = [f"{value:.6f}" for value in (*geometry.direction[2], *geometry.direction[1])]
    dataset.PixelSpacing = [f"{mm:.5f}" for mm in geometry.spacing[1:]]
    dataset.SliceThickness = f"{geometry.spacing[0]:.5f}"
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "1", str(INTERCEPT), "HU"
    return dataset


def write_series(folder: Path, volume: Volume, edit: Edit | None = None, series: str = SERIES, **tags: object) -> Path:
    """One file a slice, IM000.dcm and so on; ``tags`` go into each, ``edit`` may change or drop (None) a slice."""
    folder.mkdir(parents=True, exist_ok=True)
    for k in range(len(volume.voxels)):
        dataset: Dataset | None = ct_slice(volume, k, series)
        for keyword, value in tags.items():
            setattr(dataset, keyword, value)
        dataset = edit(dataset, k) if edit else dataset
        if dataset is not None:
            dataset.save_as(folder / f"IM{k:03}.dcm", enforce_file_format=True)
    return folder


def write_enhanced(
    path: Path, volume: Volume, frames: Sequence[int] | None = None, rescales: Sequence[float] | None = None
) -> Path:
    """All slices in one Enhanced CT file, in the order of ``frames``; ``rescales``: a slope for each slice."""
    frames = range(len(volume.voxels)) if frames is None else frames
    geometry = volume.geometry
    slopes = np.ones(len(volume.voxels)) if rescales is None else np.asarray(rescales)
    stored = volume.voxels[list(frames)] / slopes[list(frames), None, None]
    dataset = _base(EnhancedCTImageStorage, f"{SERIES}.1", SERIES, stored)
    if rescales is not None:
        set_pixels(dataset, (stored - INTERCEPT).round().astype(np.int16))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"]
    dataset.NumberOfFrames = len(frames)
    measures, plane, shared = Dataset(), Dataset(), Dataset()
    measures.PixelSpacing = [f"{mm:.5f}" for mm in geometry.spacing[1:]]
    plane.ImageOrientationPatient = [*geometry.direction[2], *geometry.direction[1]]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = [measures], [plane]
    if rescales is None:
        shared.PixelValueTransformationSequence = [_rescale(1)]
    dataset.SharedFunctionalGroupsSequence = [shared]
    dataset.PerFrameFunctionalGroupsSequence = [_frame(geometry, k) for k in frames]
    if rescales is not None:
        for k, groups in zip(frames, dataset.PerFrameFunctionalGroupsSequence):
            groups.PixelValueTransformationSequence = [_rescale(slopes[k])]
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
    return path


def write_segmentation(path: Path, volume: Volume) -> Path:
    """A DICOM segmentation beside the scan: as many frames at the same places."""
    write_enhanced(path, volume)
    dataset = dcmread(path)
    dataset.Modality, dataset.SeriesInstanceUID = "SEG", generate_uid()
    dataset.save_as(path)
    return path


def set_pixels(dataset: Dataset, stored: np.ndarray) -> Dataset:
    """Other stored values, of 16 bits, signed or not by their type."""
    dataset.PixelRepresentation = int(np.issubdtype(stored.dtype, np.signedinteger))
    dataset.PixelData = stored.astype(f"<{'i' if dataset.PixelRepresentation else 'u'}2").tobytes()
    return dataset


def moved(dataset: Dataset, left: float = 0.0, back: float = 0.0, up: float = 0.0) -> Dataset:
    """A slice at another position, mm."""
    position = np.add([float(value) for value in dataset.ImagePositionPatient], (left, back, up))
    dataset.ImagePositionPatient = [f"{value:.5f}" for value in position]
    return dataset


def _base(sop_class: str, uid: str, series: str, hu: np.ndarray) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.SeriesInstanceUID = sop_class, uid, series
    dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = "1.2.3.1", "1.2.3.2"
    dataset.Modality, dataset.SeriesNumber = "CT", 1
    dataset.PatientName, dataset.PatientID = "Mustermann^Erika", "4711"
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = hu.shape[-2:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    return set_pixels(dataset, (hu - INTERCEPT).astype(np.uint16))


def _frame(geometry: Geometry, k: int) -> Dataset:
    groups, place = Dataset(), Dataset()
    position = np.array(geometry.origin) + k * geometry.spacing[0] * np.array(geometry.direction[0])
    place.ImagePositionPatient = [f"{value:.5f}" for value in position]
    groups.PlanePositionSequence = [place]
    return groups


def _rescale(slope: float) -> Dataset:
    rescale = Dataset()
    rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = f"{slope:g}", f"{INTERCEPT * slope:g}", "HU"
    return rescale
