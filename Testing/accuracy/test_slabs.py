"""python -m accuracy slabs: low parts of labelled scans."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom
from scripted_networks import AIR, BRIGHT, MUSCLE, UP_BACK_LEFT, kidney_finder
from typer.testing import CliRunner

from accuracy.__main__ import app
from accuracy.slabs import Slab, segmented, slabs


def test_slabs_follow_each_other_by_a_quarter_of_their_height_where_there_are_organs() -> None:
    geometry = Geometry((40, 4, 4), (3.0, 1.0, 1.0), UP_BACK_LEFT, (0.0, 0.0, 0.0))
    voxels = np.arange(40, dtype=np.int16).repeat(16).reshape(40, 4, 4)
    labels = np.zeros((40, 4, 4), np.uint8)
    labels[22:25] = 1
    found = list(slabs(Volume(voxels, geometry), labels, 60.0))
    assert [int(slab.scan.voxels[0, 0, 0]) for slab in found] == [5, 10, 15, 20]
    assert all(slab.scan.voxels.shape == slab.labels.shape == (20, 4, 4) for slab in found)
    assert found[0].organs_ml == pytest.approx(3 * 16 * 0.003)


def test_the_topmost_slab_is_one_of_them() -> None:
    geometry = Geometry((43, 4, 4), (3.0, 1.0, 1.0), UP_BACK_LEFT, (0.0, 0.0, 0.0))
    voxels = np.arange(43, dtype=np.int16).repeat(16).reshape(43, 4, 4)
    labels = np.zeros((43, 4, 4), np.uint8)
    labels[42] = 1
    assert [int(slab.scan.voxels[0, 0, 0]) for slab in slabs(Volume(voxels, geometry), labels, 60.0)] == [23]


def test_a_label_map_on_another_grid_is_refused(phantom: Phantom, tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    write_scan(tmp_path / "case" / "ct.nii.gz", phantom.volume)
    shape = phantom.labels[:-1].shape
    write_labels(tmp_path / "case" / "label.nii.gz", phantom.labels[:-1], replace(phantom.volume.geometry, shape=shape))
    done = CliRunner().invoke(app, ["slabs", str(tmp_path), "--height", "150", "--device", "cpu"])
    assert done.exit_code == 2
    assert "The label map of case is not on the grid of its scan." in done.stderr


@pytest.fixture
def finder() -> Cascade:
    return kidney_finder()


def slab(hu: int) -> Slab:
    """A body with a bright part of 31 mL, the kidneys."""
    voxels = np.full((30, 64, 64), AIR, np.int16)
    voxels[:, 10:50, 10:50] = MUSCLE
    voxels[10:20, 20:40, 20:40] = hu
    geometry = Geometry(voxels.shape, (3.0, 3.0, 3.0), UP_BACK_LEFT, (0.0, 0.0, 0.0))
    return Slab(Volume(voxels, geometry), np.where(voxels == hu, 2, 0).astype(np.uint8))


def test_a_refused_slab_counts_as_missed(finder: Cascade) -> None:
    figures = segmented(finder, [slab(BRIGHT), slab(BRIGHT - 200)])
    assert figures.slabs == 2
    assert [round(ml) for ml in figures.refused_ml] == [108]
    assert [round(each, 1) for each in figures.dice[2]] == [1.0, 0.0]
    assert figures.row == ("2", "1 (108 mL)", "", "50", "", "")


def test_the_command_prints_a_row_for_each_height_and_scan(phantom: Phantom, tmp_path: Path) -> None:
    (tmp_path / "case").mkdir()
    write_scan(tmp_path / "case" / "ct.nii.gz", phantom.volume)
    write_labels(tmp_path / "case" / "label.nii.gz", phantom.labels, phantom.volume.geometry)
    done = CliRunner().invoke(app, ["slabs", str(tmp_path), "--height", "150", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    rows = [line.split("|") for line in done.stdout.splitlines() if "case, 150 mm" in line]
    assert len(rows) == 1
    assert float(rows[0][4]) > 80  # the liver


def test_a_folder_without_labels_is_refused(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["slabs", str(tmp_path)])
    assert done.exit_code == 2 and "holds no CT with a label map" in done.stderr
