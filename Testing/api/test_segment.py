"""``flareseg.segment``: files and volumes in, labels and report out, and the example of the documentation."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import flareseg
import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.inference.cascade import Cascade
from flareseg.phantom import Phantom

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "api.py"


def test_a_file_becomes_a_label_map_and_a_report(cascade: Cascade, phantom_file: Path, tmp_path: Path) -> None:
    result = flareseg.segment(str(phantom_file), str(tmp_path / "organs.nii.gz"), cascade=cascade)
    written = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "organs.nii.gz")))
    np.testing.assert_array_equal(written, result.labels)
    assert set(np.unique(written)) == {0, 1, 2, 3, 4}
    assert [organ.name for organ in result.report.organs] == ["Liver", "Kidneys", "Spleen", "Pancreas"]
    assert result.report.scan.name == "ct"
    assert [path.name for path in tmp_path.iterdir()] == ["organs.nii.gz"]


def test_a_volume_is_segmented_as_its_file_is(cascade: Cascade, phantom: Phantom, phantom_file: Path) -> None:
    from_file = flareseg.segment(phantom_file, cascade=cascade)
    from_memory = flareseg.segment(phantom.volume, cascade=cascade)
    np.testing.assert_array_equal(from_memory.labels, from_file.labels)
    assert from_memory.volume is phantom.volume


def test_options_reach_the_networks(cascade: Cascade, phantom: Phantom) -> None:
    options = flareseg.SegmentationOptions(split_kidneys=True, uncertainty=True)
    result = flareseg.segment(phantom.volume, options=options, cascade=cascade)
    assert set(np.unique(result.labels)) == {0, 1, 2, 3, 4, 5}
    assert result.uncertainty is not None and result.uncertainty.shape == result.labels.shape


def test_progress_tells_each_stage(cascade: Cascade, phantom: Phantom) -> None:
    told: list[tuple[str, float]] = []
    flareseg.segment(phantom.volume, cascade=cascade, progress=lambda *state: told.append(state))
    stages = list(dict.fromkeys(stage for stage, _ in told))
    assert stages == ["read", "find_abdomen", "crop", "segment", "put_back", "clean_up", "write"]
    assert [fraction for stage, fraction in told if stage == "segment"][-1] == 1.0


def test_an_error_of_the_progress_ends_the_run(cascade: Cascade, phantom: Phantom, tmp_path: Path) -> None:
    def stop(stage: str, fraction: float) -> None:
        if (stage, fraction) == ("write", 0.0):
            raise flareseg.Cancelled()

    with pytest.raises(flareseg.Cancelled):
        flareseg.segment(phantom.volume, tmp_path / "organs.nrrd", cascade=cascade, progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_result_of_unknown_form_is_refused_before_the_work(phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(flareseg.OutputError, match=r"organs\.png has no known label map suffix"):
        flareseg.segment(phantom.volume, tmp_path / "organs.png")


def test_the_scan_is_never_overwritten(phantom_file: Path) -> None:
    before = phantom_file.read_bytes()
    with pytest.raises(flareseg.OutputError, match=r"ct\.nii\.gz would be overwritten"):
        flareseg.segment(phantom_file, phantom_file)
    assert phantom_file.read_bytes() == before


def test_a_missing_file_is_refused(cascade: Cascade, tmp_path: Path) -> None:
    with pytest.raises(flareseg.ScanError, match="File or folder not found"):
        flareseg.segment(tmp_path / "ct.nii", cascade=cascade)


def test_a_loaded_cascade_keeps_its_device(cascade: Cascade, phantom: Phantom) -> None:
    with pytest.raises(flareseg.JobError, match=r"Pass device and precision to Cascade\.load"):
        flareseg.segment(phantom.volume, cascade=cascade, device="cpu")


def test_an_array_that_does_not_fit_its_geometry_is_refused(cascade: Cascade, phantom: Phantom) -> None:
    volume = flareseg.Volume(phantom.volume.voxels[1:], phantom.volume.geometry)
    with pytest.raises(flareseg.ScanError, match=r"shape \(79, 128, 128\) does not fit its geometry of shape \(80, "):
        flareseg.segment(volume, cascade=cascade)


def test_labels_that_do_not_fit_their_geometry_are_not_written(phantom: Phantom, tmp_path: Path) -> None:
    with pytest.raises(flareseg.OutputError, match=r"shape \(79, 128, 128\) does not fit its geometry of shape \(80, "):
        flareseg.write_labels(tmp_path / "organs.nrrd", phantom.labels[1:], phantom.volume.geometry)
    assert list(tmp_path.iterdir()) == []


def test_the_example_prints_volumes_and_writes_the_label_map(tmp_path: Path) -> None:
    command = [sys.executable, str(EXAMPLE), "organs.nii.gz"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line.split("  ")[0] for line in done.stdout.splitlines()[:-1]]
    assert rows == ["Liver", "Right kidney", "Left kidney", "Spleen", "Pancreas"]
    assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "organs.nii.gz"))))) == {0, 1, 2, 3, 4, 5}
