"""Writing label maps: the grid, the Slicer segmentation, and nothing half-written."""

import json
from pathlib import Path

import nrrd
import numpy as np
import pytest
import SimpleITK as sitk
import slicerio
from flareseg.core.errors import FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.organs import LEFT_KIDNEY, ORGANS
from flareseg.io.outputs import atomic_write, check_writable
from flareseg.io.writing import write_labels
from images import image_geometry

OBLIQUE = Geometry((5, 6, 7), (2.0, 1.0, 0.5), ((0, 0, 1), (-0.6, 0.8, 0), (0.8, 0.6, 0)), (10.0, -20.0, 30.0))


@pytest.fixture
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 5, OBLIQUE.shape).astype(np.uint8)


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii", ".nrrd", ".mha", ".seg.nrrd"])
def test_labels_keep_their_voxels_and_their_grid(suffix: str, labels: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / f"organs{suffix}"
    write_labels(path, labels, OBLIQUE)
    image = sitk.ReadImage(str(path))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image), labels)
    found = image_geometry(image)
    np.testing.assert_allclose(found.ijk_to_ras(), OBLIQUE.ijk_to_ras(), atol=1e-5)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("names", [["Liver", "Pancreas"], ["Right kidney", "Left kidney"]])
def test_a_segmentation_has_segments_of_the_chosen_organs_only(
    names: list[str], labels: np.ndarray, tmp_path: Path
) -> None:
    """Also of one that was not found."""
    write_labels(tmp_path / "organs.seg.nrrd", labels, OBLIQUE, names)
    segmentation = slicerio.read_segmentation(str(tmp_path / "organs.seg.nrrd"))
    assert [segment["name"] for segment in segmentation["segments"]] == names


def test_a_segmentation_names_colours_and_codes_its_segments(labels: np.ndarray, tmp_path: Path) -> None:
    write_labels(tmp_path / "organs.seg.nrrd", labels, OBLIQUE)
    segmentation = slicerio.read_segmentation(str(tmp_path / "organs.seg.nrrd"))
    for organ, segment in zip(ORGANS, segmentation["segments"], strict=True):
        assert (segment["name"], segment["labelValue"], segment["layer"]) == (organ.name, organ.label, 0)
        assert segment["color"] == pytest.approx([c / 255 for c in organ.colour], abs=1e-3)
        assert segment["terminology"]["type"] == ["SCT", organ.code.value, organ.code.meaning]


def test_a_segmentation_carries_slicers_own_terminology_entry(labels: np.ndarray, tmp_path: Path) -> None:
    write_labels(tmp_path / "organs.seg.nrrd", labels, OBLIQUE)
    header = nrrd.read_header(str(tmp_path / "organs.seg.nrrd"))
    for n, organ in enumerate(ORGANS):
        assert f"TerminologyEntry:{organ.terminology_entry}|" in header[f"Segment{n}_Tags"]


def test_two_kidneys_are_two_segments(labels: np.ndarray, tmp_path: Path) -> None:
    labels[0, 0, 0] = LEFT_KIDNEY.label
    write_labels(tmp_path / "organs.seg.nrrd", labels, OBLIQUE)
    segments = slicerio.read_segmentation(str(tmp_path / "organs.seg.nrrd"))["segments"]
    assert [(s["name"], s["labelValue"]) for s in segments][1:3] == [("Right kidney", 2), ("Left kidney", 5)]


def test_an_unknown_suffix_is_refused(labels: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="no known label map suffix"):
        write_labels(tmp_path / "organs.txt", labels, OBLIQUE)


def test_what_was_there_stays_when_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), atomic_write(target) as beside:
        beside.write_text(json.dumps("half"))
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


def test_a_place_that_can_be_written_is_left_as_it_was(tmp_path: Path) -> None:
    check_writable(tmp_path / "organs.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FlareError, match="is a folder"):
        check_writable(tmp_path)
