"""DICOM SEG: read by highdicom and by pydicom alone, the label map comes back voxel for voxel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from flareseg.core.errors import NoAbdomenError
from flareseg.dicom_export.equipment import Algorithm
from flareseg.dicom_export.segmentation import segmentation_of, uncertainty_of
from flareseg.dicom_export.source import source_of, source_of_planes
from flareseg.dicom_export.targets import DicomTargets
from flareseg.io.reading import read_volume
from pydicom import Dataset
from series import SERIES, WEIGHTS, Written, facts_of, faults, frames_of, some_labels, written


@pytest.fixture(scope="module", params=list(SERIES))
def each(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("seg")
    return written(SERIES[request.param](folder / "series"), folder)


@pytest.fixture(scope="module")
def axial(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("axial")
    return written(SERIES["axial"](folder / "series"), folder)


def source_of_frame(frame: Dataset) -> Dataset:
    (derivation,) = frame.DerivationImageSequence
    (image,) = derivation.SourceImageSequence
    return image


def slice_of_frame(each: Written, frame: Dataset) -> int:
    """The slice (k) of the image that a frame refers to."""
    image = source_of_frame(frame)
    number = int(image.get("ReferencedFrameNumber", 1))
    references = [
        (source.SOPInstanceUID, frame + 1)
        for source, (_path, frame) in zip(each.source_files(), each.volume.dicom_slices, strict=True)
    ]
    return references.index((image.ReferencedSOPInstanceUID, number))


def by_source(each: Written, path: Path, **options: bool) -> np.ndarray:
    """The pixels of a segmentation for each slice (k), by highdicom."""
    segmentation = hd.seg.segread(path)
    uids = [dataset.SOPInstanceUID for dataset in each.source_files()]
    options |= {"assert_missing_frames_are_empty": True}
    if len(set(uids)) == 1:
        numbers = [frame + 1 for _path, frame in each.volume.dicom_slices]
        return segmentation.get_pixels_by_source_frame(uids[0], numbers, **options)
    return segmentation.get_pixels_by_source_instance(uids, **options)


class TestOfEverySeries:
    def test_dciodvfy_finds_no_error(self, each: Written) -> None:
        assert faults(each.targets.segmentation) == []

    def test_highdicom_gives_back_the_label_map(self, each: Written) -> None:
        read = by_source(each, each.targets.segmentation, combine_segments=True)
        np.testing.assert_array_equal(read, each.labels)

    def test_each_frame_lies_where_the_image_does_that_it_refers_to(self, each: Written) -> None:
        """By pydicom alone. Of a tilted gantry the frames are displaced against each other as the slices are."""
        dataset, pixels = each.dataset("segmentation"), frames_of(each.dataset("segmentation"))
        files = {source.SOPInstanceUID: source for source in each.source_files()}
        shared = dataset.SharedFunctionalGroupsSequence[0]
        again = np.zeros_like(each.labels)
        for frame, mask in zip(dataset.PerFrameFunctionalGroupsSequence, pixels, strict=True):
            image = source_of_frame(frame)
            assert image.SpatialLocationsPreserved == "YES"
            source = files[image.ReferencedSOPInstanceUID]
            position, orientation = place_of(source, int(image.get("ReferencedFrameNumber", 1)))
            assert frame.PlanePositionSequence[0].ImagePositionPatient == pytest.approx(position, abs=1e-4)
            (plane,) = shared.PlaneOrientationSequence
            assert plane.ImageOrientationPatient == pytest.approx(orientation, abs=1e-4)
            assert mask.any(), "empty frames are left out"
            again[slice_of_frame(each, frame)][mask > 0] = frame.SegmentIdentificationSequence[
                0
            ].ReferencedSegmentNumber
        np.testing.assert_array_equal(again, each.labels)

    def test_the_uncertainty_is_fractional_in_percent(self, each: Written) -> None:
        dataset = each.dataset("uncertainty")
        assert (dataset.SegmentationType, dataset.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
        assert dataset.MaximumFractionalValue == 100
        assert faults(each.targets.uncertainty) == []

    def test_highdicom_gives_back_the_uncertainty_of_each_slice(self, each: Written) -> None:
        read = by_source(each, each.targets.uncertainty, rescale_fractional=False)
        np.testing.assert_array_equal(read[..., 0], each.uncertainty)

    def test_each_frame_of_the_uncertainty_belongs_to_the_image_that_it_refers_to(self, each: Written) -> None:
        """By pydicom alone."""
        dataset, again = each.dataset("uncertainty"), np.zeros_like(each.uncertainty)
        for frame, percent in zip(dataset.PerFrameFunctionalGroupsSequence, frames_of(dataset), strict=True):
            again[slice_of_frame(each, frame)] = percent
        np.testing.assert_array_equal(again, each.uncertainty)


def place_of(source: Dataset, number: int) -> tuple[list[float], list[float]]:
    """Position and orientation of a frame."""
    if "PerFrameFunctionalGroupsSequence" not in source:
        return source.ImagePositionPatient, source.ImageOrientationPatient
    frame = source.PerFrameFunctionalGroupsSequence[number - 1]
    plane = source.SharedFunctionalGroupsSequence[0].PlaneOrientationSequence[0]
    return frame.PlanePositionSequence[0].ImagePositionPatient, plane.ImageOrientationPatient


class TestUncertainty:
    def test_where_nothing_is_uncertain_all_slices_are_there(self, axial: Written) -> None:
        made = uncertainty_of(source_of(axial.volume), 0 * axial.uncertainty, Algorithm(WEIGHTS))
        assert frames_of(made).shape == axial.uncertainty.shape
        assert not frames_of(made).any()

    def test_of_a_multi_frame_file_that_holds_another_scan_too(self, tmp_path: Path) -> None:
        """Only frames of the scan that was segmented, whose numbers in the file are not those of its slices."""
        volume = read_volume(SERIES["enhanced multi-frame"](tmp_path))
        part = source_of_planes(source_of(volume).planes[3:9])
        percent = np.arange(6 * 20 * 20).reshape(6, 20, 20).astype(np.uint8) % 101
        made = uncertainty_of(part, percent, Algorithm(WEIGHTS))
        uid = part.first.SOPInstanceUID
        numbers = [frame + 1 for _path, frame in volume.dicom_slices[3:9]]
        read = made.get_pixels_by_source_frame(uid, numbers, rescale_fractional=False)
        np.testing.assert_array_equal(read[..., 0], percent)


class TestSegments:
    def test_organs_are_coded_by_snomed_with_the_side_of_a_kidney(self, axial: Written) -> None:
        coded = []
        for segment in axial.dataset("segmentation").SegmentSequence:
            (kind,) = segment.SegmentedPropertyTypeCodeSequence
            assert kind.CodingSchemeDesignator == "SCT"
            sides = kind.get("SegmentedPropertyTypeModifierCodeSequence", [])
            coded.append((segment.SegmentLabel, kind.CodeValue, [side.CodeValue for side in sides]))
        assert coded == [
            ("Liver", "10200004", []),
            ("Right kidney", "64033007", ["24028007"]),
            ("Spleen", "78961009", []),
            ("Pancreas", "15776009", []),
            ("Left kidney", "64033007", ["7771000"]),
        ]

    def test_each_names_the_algorithm_with_version_and_weights(self, axial: Written) -> None:
        for segment in axial.dataset("segmentation").SegmentSequence:
            (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
            assert segment.SegmentAlgorithmType == "AUTOMATIC"
            assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("FlareSegmentation", "0.1.0")
            for weights in WEIGHTS:
                assert f"{weights.name} sha256 {weights.sha256}" in algorithm.AlgorithmParameters

    def test_each_has_a_tracking_id_a_uid_of_its_own_and_a_colour(self, axial: Written) -> None:
        segments = axial.dataset("segmentation").SegmentSequence
        assert segments[0].TrackingID == "FlareSegmentation Liver"
        assert len({segment.TrackingUID for segment in segments}) == 5
        lightness = segments[3].RecommendedDisplayCIELabValue[0] / 65535 * 100
        assert lightness == pytest.approx(92, abs=1)  # of (250, 233, 111), the pancreas

    def test_an_organ_that_was_not_found_has_no_segment(self, axial: Written, tmp_path: Path) -> None:
        labels = some_labels(axial.volume.geometry)
        labels[labels == 3] = 0
        organs = facts_of(axial.labels, axial.volume.voxels, axial.volume.geometry)
        organs[3].voxels = 0
        made = segmentation_of(source_of(axial.volume), labels, organs, Algorithm(WEIGHTS), {"Liver"})
        assert [segment.SegmentLabel for segment in made.SegmentSequence] == [
            *("Liver", "Right kidney", "Pancreas", "Left kidney")
        ]
        kinds = [segment.SegmentAlgorithmType for segment in made.SegmentSequence]
        assert kinds == ["SEMIAUTOMATIC", "AUTOMATIC", "AUTOMATIC", "AUTOMATIC"]
        uids = [dataset.SOPInstanceUID for dataset in axial.source_files()]
        read = made.get_pixels_by_source_instance(uids, combine_segments=True, assert_missing_frames_are_empty=True)
        np.testing.assert_array_equal(read, np.array([0, 1, 2, 0, 3, 4], np.uint8)[labels])

    def test_a_result_without_any_organ_is_not_written(self, axial: Written, tmp_path: Path) -> None:
        none = [replace(facts, voxels=0) for facts in axial.organs]
        with pytest.raises(NoAbdomenError, match="None of the chosen organs was found"):
            DicomTargets(tmp_path / "seg.dcm").write(axial.volume, 0 * axial.labels, none, WEIGHTS)
        assert list(tmp_path.iterdir()) == []


class TestObject:
    def test_it_belongs_to_the_study_of_the_series_and_is_a_series_of_its_own(self, axial: Written) -> None:
        source, made = axial.source_files()[0], axial.dataset("segmentation")
        for name in ("StudyInstanceUID", "FrameOfReferenceUID", "PatientID", "StudyDate", "AccessionNumber"):
            assert made[name].value == source[name].value
        assert made.SeriesInstanceUID not in (source.SeriesInstanceUID, axial.dataset("report").SeriesInstanceUID)
        (series,) = made.ReferencedSeriesSequence
        assert series.SeriesInstanceUID == source.SeriesInstanceUID
        assert len(series.ReferencedInstanceSequence) == 24

    def test_it_names_the_program(self, axial: Written) -> None:
        made = axial.dataset("segmentation")
        assert (made.Manufacturer, made.ManufacturerModelName) == ("FlareSegmentation", "flareseg")
        assert made.SoftwareVersions == "0.1.0"
        assert made.DeviceSerialNumber == "abababababab-cdcdcdcdcdcd"
        assert made.ContentDescription.endswith("research use only")
