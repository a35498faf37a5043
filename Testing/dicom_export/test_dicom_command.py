"""DICOM results by the command and by Python, from a whole segmentation of a series."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import flareseg
import highdicom as hd
import numpy as np
import pytest
from flareseg.cli.app import app
from flareseg.inference.cascade import Cascade
from pydicom import dcmread
from pydicom.sr.codedict import codes
from series import faults
from typer.testing import CliRunner, Result


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["segment", *map(str, arguments), "--device", "cpu"])


@pytest.fixture(scope="module")
def results(phantom_dicom: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the results of the phantom: kidneys by side."""
    folder = tmp_path_factory.mktemp("results")
    options = ["--sr", folder / "report.dcm", "--uncertainty", folder / "uncertainty.dcm", "--split-kidneys"]
    done = command(phantom_dicom, "-o", folder / "organs.dcm", *options, "--report", folder / "report.json", "--table")
    assert done.exit_code == 0, done.stderr
    (folder / "printed.txt").write_text(done.output + done.stderr, encoding="utf-8")
    return folder


def test_the_segmentation_is_the_label_map(
    results: Path, result: flareseg.SegmentationResult, phantom_dicom: Path
) -> None:
    segmentation = hd.seg.segread(results / "organs.dcm")
    names = [segment.SegmentLabel for segment in segmentation.SegmentSequence]
    assert names == ["Liver", "Right kidney", "Spleen", "Pancreas", "Left kidney"]
    files = sorted(phantom_dicom.iterdir())
    uids = [dcmread(path, stop_before_pixels=True).SOPInstanceUID for path in files]
    read = segmentation.get_pixels_by_source_instance(uids, combine_segments=True, assert_missing_frames_are_empty=True)
    np.testing.assert_array_equal(read, result.labels)


def test_the_structured_report_says_what_the_json_says(results: Path) -> None:
    organs = {organ["name"]: organ for organ in json.loads((results / "report.json").read_text())["organs"]}
    for group in hd.sr.srread(results / "report.dcm").content.get_volumetric_roi_measurement_groups():
        organ = organs[group.tracking_identifier.removeprefix("FlareSegmentation ")]
        (volume,) = group.get_measurements(name=codes.SCT.Volume)
        assert volume.value == pytest.approx(organ["volume_ml"], abs=0.01)


def test_the_shipped_weights_are_named(results: Path) -> None:
    segment = dcmread(results / "organs.dcm").SegmentSequence[0]
    (algorithm,) = segment.SegmentationAlgorithmIdentificationSequence
    for weights in json.loads((results / "report.json").read_text())["weights"]:
        assert f"{weights['name']} sha256 {weights['sha256']}" in algorithm.AlgorithmParameters


def test_dciodvfy_finds_no_error(results: Path) -> None:
    assert [faults(results / f"{name}.dcm") for name in ("organs", "report", "uncertainty")] == [[], [], []]


def test_neither_what_is_printed_nor_the_report_names_the_patient(results: Path) -> None:
    for name in ("printed.txt", "report.json"):
        assert "Mustermann" not in (results / name).read_text(encoding="utf-8")


def test_files_of_a_series_are_one_scan_and_in_a_folder_its_results_are_named_after_it(
    phantom_dicom: Path, tmp_path: Path
) -> None:
    """Here all but the uppermost slices."""
    files = sorted(phantom_dicom.iterdir())[:70]
    done = command(*files, "-o", tmp_path, "--format", "dicom-seg", "--sr", tmp_path)
    assert done.exit_code == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["series-organs.dcm", "series-report.dcm"]
    made = dcmread(tmp_path / "series-organs.dcm")
    assert len(made.ReferencedSeriesSequence[0].ReferencedInstanceSequence) == 70


def test_the_files_of_a_series_are_not_overwritten(phantom_dicom: Path) -> None:
    files = sorted(phantom_dicom.iterdir())
    done = command(*files, "-o", files[3])
    assert (done.exit_code, "IM003.dcm would be overwritten" in done.stderr) == (2, True)


def test_the_format_makes_it_a_structure_set(phantom_dicom: Path, tmp_path: Path) -> None:
    assert command(phantom_dicom, "-o", tmp_path / "rt.dcm", "--format", "dicom-rtstruct").exit_code == 0
    assert dcmread(tmp_path / "rt.dcm").Modality == "RTSTRUCT"
    assert faults(tmp_path / "rt.dcm") == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-o", "x.dcm", "--format", "dicom"], 'Unknown format: "dicom"'),
        (["-o", "x.nii.gz", "--format", "dicom-seg"], "x.nii.gz does not fit the format dicom-seg"),
        (["-o", "x.nii.gz", "--sr", "y.dcm"], "refers to a DICOM segmentation, which is not written"),
        (["-o", "x.dcm", "--sr", "x.dcm"], "Two results of the scan have the same file name"),
        (["-o", "x.dcm", "--sr", "y.pdf"], "y.pdf has no known suffix"),
    ],
)
def test_what_cannot_be_is_refused_before_the_networks_are_loaded(
    options: list[str], message: str, phantom_dicom: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = command(phantom_dicom, *options, "--weights", "none")
    assert done.exit_code == 2
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_scan_that_is_not_dicom_is_refused_before_it_is_segmented(phantom_file: Path, tmp_path: Path) -> None:
    done = command(phantom_file, "-o", tmp_path / "organs.dcm")
    assert (done.exit_code, "not a DICOM series" in done.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_nothing(phantom_dicom: Path, small_disk: Path) -> None:
    done = command(phantom_dicom, "-o", small_disk / "organs.dcm", "--sr", small_disk / "report.dcm")
    assert done.exit_code == 2
    assert "cannot be written: No space left on device" in done.stderr
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize(
    ("absent", "error", "format", "hint"),
    [
        ("highdicom", "ModuleNotFoundError", "dicom-seg", 'pip install "flareseg[dicom]"'),
        ("rt_utils", "ModuleNotFoundError", "dicom-rtstruct", 'pip install "flareseg[rtstruct]"'),
        ("cv2", "ImportError", "dicom-rtstruct", "Install opencv-python-headless"),
    ],
)
def test_what_to_install_is_told(
    absent: str, error: str, format: str, hint: str, phantom_dicom: Path, tmp_path: Path
) -> None:
    """In a Python that does not find a package, or that cannot load it."""
    code = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name == '{absent}':\n"
        f"            raise {error}('libGL.so.1: cannot open shared object file', name=name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from flareseg.cli.app import run\n"
        "run()\n"
    )
    arguments = ["segment", str(phantom_dicom), "-o", str(tmp_path / "organs.dcm"), "--format", format]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert hint in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def result(
    phantom_dicom: Path, cascade: Cascade, tmp_path_factory: pytest.TempPathFactory
) -> flareseg.SegmentationResult:
    """By Python, with a name that ends in .dcm."""
    path = tmp_path_factory.mktemp("python") / "organs.dcm"
    options = flareseg.SegmentationOptions(uncertainty=True, split_kidneys=True)
    result = flareseg.segment(phantom_dicom, path, options=options, cascade=cascade)
    assert dcmread(path).Modality == "SEG"
    return result


def test_python_writes_a_result_as_several_objects(result: flareseg.SegmentationResult, tmp_path: Path) -> None:
    names = ["seg", "sr", "uncertainty", "rt"]
    seg, sr, uncertainty, structures = (tmp_path / f"{name}.dcm" for name in names)
    flareseg.write_dicom(result, seg, report=sr, uncertainty=uncertainty, structures=structures)
    kinds = [dcmread(tmp_path / f"{name}.dcm").Modality for name in names]
    assert kinds == ["SEG", "SR", "SEG", "RTSTRUCT"]


def test_an_uncertainty_that_was_not_computed_is_not_written(
    result: flareseg.SegmentationResult, tmp_path: Path
) -> None:
    with pytest.raises(flareseg.JobError, match="uncertainty was not computed"):
        flareseg.write_dicom(replace(result, uncertainty=None), tmp_path / "s.dcm", uncertainty=tmp_path / "u.dcm")
    assert list(tmp_path.iterdir()) == []
