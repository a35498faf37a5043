"""Label maps as they come from other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicerio
from cubes import PLACES, cube, geometry, label_file, organs
from flareseg.core.errors import FlareError
from flareseg.evaluation.label_maps import read_label_map
from flareseg.evaluation.slicer_segmentation import label_of
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


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Left Kidney", 2),
        ("kidney_left", 2),
        ("RIGHT-KIDNEY", 2),
        ("kidneyRight", 2),
        ("Kidney (L)", 2),
        ("both kidneys", 2),
        ("LIVER", 1),
        (" spleen ", 3),
        ("Pancreas", 4),
        ("kidney cyst left", None),
        ("left liver", None),
        ("liver tumour", None),
        ("liver_1", None),
        ("liver and spleen", None),
        ("adrenal gland", None),
        ("", None),
    ],
)
def test_names_of_segments(name: str, label: int | None) -> None:
    assert label_of({"name": name}) == label


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_left_and_right_kidneys_count_as_kidneys_in_any_order_and_layer(
    order: tuple[int, int, int], tmp_path: Path
) -> None:
    layers = np.zeros((2, 24, 24, 24), np.uint8)
    layers[0][cube(PLACES[2]).T] = 4
    layers[0][cube(PLACES[1]).T] = 2
    layers[1][cube((2, 14, 12)).T] = 1
    named = [segment("kidney_right", 4, 0), segment("LEFT KIDNEY", 1, 1), segment("Liver", 2, 0)]
    read = read_label_map(segmentation(tmp_path / "x.seg.nrrd", layers, [named[n] for n in order]))
    assert [np.count_nonzero(read.voxels == label) for label in range(1, 6)] == [64, 128, 0, 0, 0]
    assert read.warnings == []


def test_segments_of_something_else_are_named(tmp_path: Path) -> None:
    voxels = cube(PLACES[1]).T.astype(np.uint8)
    named = [segment("Liver", 1), *(segment(f"lesion {n}", n + 2) for n in range(7))]
    read = read_label_map(segmentation(tmp_path / "x.seg.nrrd", voxels, named))
    assert read.warnings == [
        "Left out, as they are none of the four organs: lesion 0, lesion 1, lesion 2, lesion 3, lesion 4 and 2 more."
    ]


def test_organs_that_overlap_are_said(tmp_path: Path) -> None:
    layers = np.stack([cube(PLACES[1]).T, cube((2, 2, 4)).T]).astype(np.uint8)
    read = read_label_map(segmentation(tmp_path / "x.seg.nrrd", layers, [segment("liver", 1), segment("spleen", 1, 1)]))
    assert read.warnings == ["32 voxels lie in two organs; the later segment was used."]
    assert [np.count_nonzero(read.voxels == label) for label in (1, 3)] == [32, 64]


@pytest.mark.parametrize("change", [{"layer": 2}, {"layer": -1}, {"labelValue": None}])
def test_a_segment_without_voxels_is_a_message(change: dict[str, object], tmp_path: Path) -> None:
    facts = {key: value for key, value in {**segment("liver", 1), **change}.items() if value is not None}
    path = segmentation(tmp_path / "x.seg.nrrd", cube((2, 2, 2)).T.astype(np.uint8), [facts])
    with pytest.raises(FlareError, match="is damaged or cannot be read"):
        read_label_map(path)


def test_a_header_that_points_to_another_file_is_refused(tmp_path: Path) -> None:
    path = label_file(tmp_path / "x.seg.nrrd", organs())
    head, data = path.read_bytes().split(b"\n\n", 1)
    (tmp_path / "secret.raw").write_bytes(data)
    path.write_bytes(head + f"\ndata file: {tmp_path / 'secret.raw'}\n\n".encode())
    with pytest.raises(FlareError, match=r"The voxels of x\.seg\.nrrd lie in another file"):
        read_label_map(path)


def test_fractions_of_voxels_are_refused(tmp_path: Path) -> None:
    path = label_file(tmp_path / "x.seg.nrrd", organs())
    path.write_bytes(path.read_bytes().replace(b"Binary labelmap", b"Fractional labelmap"))
    with pytest.raises(FlareError, match="fractional labelmap"):
        read_label_map(path)


def test_a_segmentation_of_something_else_is_refused(tmp_path: Path) -> None:
    path = segmentation(tmp_path / "x.seg.nrrd", cube((2, 2, 2)).T.astype(np.uint8), [segment("tumour", 1)])
    with pytest.raises(FlareError, match="no segment for liver, kidneys, spleen or pancreas"):
        read_label_map(path)


@pytest.mark.parametrize("content", [b"", b"no segmentation", b"NRRD0004\ntype: unsigned char\n"])
def test_a_damaged_segmentation_is_a_message(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.seg.nrrd").write_bytes(content)
    with pytest.raises(FlareError, match="is damaged or cannot be read"):
        read_label_map(tmp_path / "x.seg.nrrd")


def test_a_segmentation_cut_short_is_a_message(tmp_path: Path) -> None:
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
        (np.full((8, 8, 8), 6, np.uint64), "values from 6 to 6"),
        (np.full((8, 8, 8), -1, np.int8), "values from -1 to -1"),
        (np.ones((8, 8, 8, 2), np.uint8), "colour or vector image"),
    ],
    ids=["CT", "other labels", "probabilities", "NaN", "above 5", "negative", "vectors"],
)
def test_what_is_not_a_label_map_of_these_organs_is_refused(voxels: np.ndarray, what: str, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match=what):
        read_label_map(write_image(tmp_path / "x.nii.gz", voxels))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int16, np.uint64])
def test_whole_numbers_of_every_type_are_labels(kind: type, tmp_path: Path) -> None:
    read = read_label_map(write_image(tmp_path / "x.nrrd", organs().astype(kind), (1.0, 1.0, 1.0)))
    np.testing.assert_array_equal(read.voxels, organs())


def test_a_time_series_of_label_maps_is_refused(tmp_path: Path) -> None:
    path = write_image(tmp_path / "x.nii.gz", np.ones((2, 8, 8, 8), np.uint8), isVector=False)
    with pytest.raises(FlareError, match="has 4 dimensions"):
        read_label_map(path)


def test_an_empty_label_map_is_one_without_organs(tmp_path: Path) -> None:
    assert not read_label_map(label_file(tmp_path / "x.nii.gz", np.zeros_like(organs()))).voxels.any()
