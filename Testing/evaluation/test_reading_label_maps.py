"""Label maps as they come from other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicerio
from cubes import PLACES, cube, geometry, label_file, organs
from flareseg.errors import FlareError
from flareseg.evaluation.label_maps import read_label_map
from images import ct_like, write_image

LIVER, KIDNEY = "10200004", "64033007"


def segmentation(path: Path, voxels: np.ndarray, segments: list[dict[str, object]]) -> Path:
    """As Slicer saves one; ``voxels`` (i, j, k), or (layer, i, j, k)."""
    slicerio.write_segmentation(
        str(path), {"voxels": voxels, "ijkToLPS": np.eye(4), "segments": segments, "encoding": "gzip"}
    )
    return path


def segment(name: str, label: int, layer: int = 0, code: str = "") -> dict[str, object]:
    terminology = {
        "contextName": "Segmentation category and type - DICOM master list",
        "category": ["SCT", "123037004", "Anatomical Structure"],
        "type": ["SCT", code, "?"],
    }
    facts = {"id": f"Segment_{name}", "name": name, "labelValue": label, "layer": layer, "color": [1, 0, 0]}
    return {**facts, **({"terminology": terminology} if code else {})}


@pytest.mark.parametrize("name", ["x.nii.gz", "x.nii", "x.nrrd", "x.mha", "x.seg.nrrd"])
def test_every_format_gives_the_same_labels(name: str, tmp_path: Path) -> None:
    read = read_label_map(label_file(tmp_path / name, organs(), geometry((3.0, 1.0, 2.0))))
    assert np.array_equal(read.voxels, organs())
    assert read.geometry.is_close_to(geometry((3.0, 1.0, 2.0)))


@pytest.mark.parametrize("code", ["RAS", "LPI", "SAL"])
def test_a_map_in_another_orientation_is_turned_to_the_canonical_one(code: str, tmp_path: Path) -> None:
    path = label_file(tmp_path / "x.nii.gz", organs())
    sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(path)), code), str(path))
    read = read_label_map(path)
    assert np.array_equal(read.voxels, organs())
    assert read.geometry.is_close_to(geometry())


@pytest.mark.parametrize("name", ["x.nii.gz", "x.seg.nrrd"])
def test_a_left_kidney_counts_as_kidneys(name: str, tmp_path: Path) -> None:
    labels = organs()
    labels[cube((20, 20, 20))] = 5
    assert np.count_nonzero(read_label_map(label_file(tmp_path / name, labels)).voxels == 2) == 2 * 64


def test_segments_are_told_by_name_or_terminology_whatever_their_values(tmp_path: Path) -> None:
    voxels = np.zeros((24, 24, 24), np.uint8)
    for value, label in ((7, 1), (1, 2), (3, 3)):
        voxels[cube(PLACES[label])] = value
    named = [segment("A", 7, code=LIVER), segment("left kidney", 1), segment("Spleen ", 3), segment("tumour", 2)]
    read = read_label_map(segmentation(tmp_path / "x.seg.nrrd", voxels.T, named)).voxels
    assert [np.count_nonzero(read == label) for label in range(1, 6)] == [64, 64, 64, 0, 0]
    assert read[PLACES[1]] == 1


def test_segments_that_overlap_lie_in_layers(tmp_path: Path) -> None:
    layers = np.stack([cube(PLACES[1]).T, cube(PLACES[2]).T]).astype(np.uint8)
    named = [segment("Liver", 1, 0), segment("B", 1, 1, code=KIDNEY)]
    read = read_label_map(segmentation(tmp_path / "x.seg.nrrd", layers, named)).voxels
    assert (read[PLACES[1]], read[PLACES[2]]) == (1, 2)


def test_a_segmentation_of_something_else_is_refused(tmp_path: Path) -> None:
    path = segmentation(tmp_path / "x.seg.nrrd", cube((2, 2, 2)).T.astype(np.uint8), [segment("tumour", 1)])
    with pytest.raises(FlareError, match="no segment for liver, kidneys, spleen or pancreas"):
        read_label_map(path)


@pytest.mark.parametrize("content", [b"", b"no segmentation", b"NRRD0004\ntype: unsigned char\n"])
def test_a_damaged_segmentation_is_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.seg.nrrd").write_bytes(content)
    with pytest.raises(FlareError, match="is damaged or cannot be read"):
        read_label_map(tmp_path / "x.seg.nrrd")


def test_a_segmentation_cut_short_is_a_sentence(tmp_path: Path) -> None:
    path = label_file(tmp_path / "x.seg.nrrd", organs())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(FlareError, match="is damaged or cannot be read"):
        read_label_map(path)


@pytest.mark.parametrize(
    ("voxels", "what"),
    [
        (ct_like(), "values from -1000 to 199"),
        (np.full((8, 8, 8), 13, np.uint8), "values from 13 to 13"),
        (np.full((8, 8, 8), 0.5, np.float32), "not whole numbers"),
        (np.full((8, 8, 8), np.nan, np.float32), "values from nan to nan"),
    ],
    ids=["CT", "other labels", "probabilities", "NaN"],
)
def test_what_is_no_label_map_of_these_organs_is_refused(voxels: np.ndarray, what: str, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match=what):
        read_label_map(write_image(tmp_path / "x.nii.gz", voxels))
