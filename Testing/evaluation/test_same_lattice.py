"""Label maps that are cropped, larger or shifted by whole voxels are compared where they lie in the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from cubes import SHAPE, cube, geometry, label_file, organs, rows
from evaluation_commands import run
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.evaluation.lattice import joint_grid, placed
from images import write_image

OBLIQUE = Geometry(SHAPE, (2.0, 1.0, 1.5), ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (-1.0, 0.0, 0.0)), (5.0, -7.0, 3.0))


def part_of(labels: np.ndarray, grid: Geometry, part: tuple[slice, slice, slice]) -> tuple[np.ndarray, Geometry]:
    """Some voxels of a label map, and the grid of these alone."""
    first = np.array([span.start for span in part])
    x, y, z = (float(v) for v in grid.origin + (first * grid.spacing) @ np.array(grid.direction))
    cut = np.ascontiguousarray(labels[part])
    k, j, i = cut.shape
    return cut, Geometry((k, j, i), grid.spacing, grid.direction, (x, y, z))


AROUND_ORGANS = (slice(1, 19), slice(2, 20), slice(2, 9))


def scores(tmp_path: Path) -> list[float]:
    return [float(row["dice"]) for row in rows(tmp_path / "out" / "scores.csv")]


def compared(prediction: Path, ground_truth: Path, tmp_path: Path, code: int = 0) -> str:
    """What is said on stderr."""
    done = run("evaluate", prediction, ground_truth, "-o", tmp_path / "out", "--no-html")
    assert done.exit_code == code, done.output
    return done.stderr


@pytest.mark.parametrize("suffix", [".seg.nrrd", ".nii.gz", ".nrrd"])
@pytest.mark.parametrize("grid", [geometry(), OBLIQUE], ids=["straight", "oblique"])
def test_a_cropped_prediction_is_placed_on_the_ground_truths_grid(suffix: str, grid: Geometry, tmp_path: Path) -> None:
    ground_truth = label_file(tmp_path / "truth.nii.gz", organs(), grid)
    cropped = part_of(organs({1: 1}), grid, AROUND_ORGANS)
    said = compared(label_file(tmp_path / f"x{suffix}", *cropped), ground_truth, tmp_path)
    assert f"x{suffix} has 7 x 18 x 18 voxels, the ground truth 24 x 24 x 24, of one lattice" in said
    assert scores(tmp_path) == [0.75, 1, 1, 1]


def test_what_is_predicted_outside_a_cropped_ground_truth_is_wrong(tmp_path: Path) -> None:
    predicted = organs()
    predicted[cube((2, 2, 14))] = 1  # as much liver again, where the ground truth has no voxels
    ground_truth = label_file(tmp_path / "ground truth.seg.nrrd", *part_of(organs(), geometry(), AROUND_ORGANS))
    compared(label_file(tmp_path / "x.nii.gz", predicted), ground_truth, tmp_path)
    assert scores(tmp_path) == [pytest.approx(2 / 3, abs=1e-6), 1, 1, 1]


def test_maps_that_each_reach_beyond_the_other_lose_nothing(tmp_path: Path) -> None:
    labels = np.zeros(SHAPE, np.uint8)
    labels[2:6, 2:6, 4:20] = 1
    ground_truth = label_file(
        tmp_path / "t.nrrd", *part_of(labels, geometry(), (slice(0, 24), slice(0, 24), slice(0, 16)))
    )
    guess = label_file(tmp_path / "x.nrrd", *part_of(labels, geometry(), (slice(0, 24), slice(0, 24), slice(8, 24))))
    compared(guess, ground_truth, tmp_path)
    row = rows(tmp_path / "out" / "scores.csv")[0]
    assert (row["dice"], row["ground_truth_ml"], row["prediction_ml"]) == ("0.666667", "0.192", "0.192")


def test_a_map_shifted_by_whole_voxels_is_compared_where_it_lies(tmp_path: Path) -> None:
    ground_truth = label_file(tmp_path / "t.nii.gz", organs())
    said = compared(label_file(tmp_path / "x.nii.gz", organs(), geometry(origin=2.0)), ground_truth, tmp_path)
    assert "they are compared where they lie" in said
    assert scores(tmp_path) == [0.5, 0.5, 0.5, 0.5]


def test_a_shift_by_part_of_a_voxel_is_another_lattice(tmp_path: Path) -> None:
    ground_truth = label_file(tmp_path / "t.nii.gz", organs())
    cut, grid = part_of(organs(), geometry(origin=0.3), AROUND_ORGANS)
    said = compared(label_file(tmp_path / "x.nii.gz", cut, grid), ground_truth, tmp_path, code=1)
    assert "does not lie on the ground truth's grid (7 x 18 x 18 and 24 x 24 x 24 voxels, another position or" in said
    assert scores(tmp_path) == [0, 0, 0, 0]


def test_a_cropped_map_in_another_orientation_is_placed_as_well(tmp_path: Path) -> None:
    ground_truth = label_file(tmp_path / "t.nii.gz", organs())
    cropped = label_file(tmp_path / "x.nii.gz", *part_of(organs({3: 2}), geometry(), AROUND_ORGANS))
    sitk.WriteImage(sitk.DICOMOrient(sitk.ReadImage(str(cropped)), "RAS"), str(cropped))
    compared(cropped, ground_truth, tmp_path)
    assert scores(tmp_path) == [1, 1, 0.5, 1]


def test_a_ct_larger_than_the_ground_truth_is_shown_behind_it(tmp_path: Path) -> None:
    cropped = part_of(organs(), geometry(), AROUND_ORGANS)
    files = [label_file(tmp_path / name, *cropped) for name in ("x.nii.gz", "t.nii.gz")]
    scan = write_image(tmp_path / "ct.nii.gz", np.full(SHAPE, 40, np.int16), (1.0, 1.0, 1.0))
    done = run("evaluate", *files, "-o", tmp_path / "out", "--scans", scan)
    assert (done.exit_code, done.stderr.startswith("Written")) == (0, True), done.stderr


def test_the_joint_grid_holds_both_and_no_more() -> None:
    labels = np.arange(24**3, dtype=np.uint16).reshape(SHAPE)
    first = part_of(labels, OBLIQUE, (slice(3, 20), slice(0, 5), slice(2, 24)))
    second = part_of(labels, OBLIQUE, (slice(1, 4), slice(2, 9), slice(4, 6)))
    grid = joint_grid(first[1], second[1])
    assert grid is not None and grid.shape == (19, 9, 22)
    assert grid.is_close_to(part_of(labels, OBLIQUE, (slice(1, 20), slice(0, 9), slice(2, 24)))[1])
    there = placed(Volume(*first), grid, outside=7).voxels
    np.testing.assert_array_equal(there[2:, :5], first[0])
    assert (there[:2] == 7).all() and (there[:, 5:] == 7).all()


def test_a_volume_on_its_own_grid_is_not_copied() -> None:
    volume = Volume(organs(), geometry())
    assert placed(volume, geometry()) is volume


def test_a_volume_is_never_placed_on_another_lattice() -> None:
    with pytest.raises(ValueError, match="not on the lattice"):
        placed(Volume(organs(), geometry()), geometry((1.0, 1.0, 2.0)))
