"""A folder of scans from the Python console: files in, label maps, reports and a summary out."""

from __future__ import annotations

import csv
import json
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import slicer
from conftest import LIMIT_SECONDS
from dicom_files import write_series
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.organs import ORGANS
from flareseg.core.report import Report
from flareseg.io.ledger import LEDGER
from flareseg.io.result_table import TABLE
from flareseg.io.writing import write_scan
from FlareSegmentationLib.jobs.batch import segmentFolder
from FlareSegmentationLib.jobs.job import JobRunner
from FlareSegmentationLib.jobs.process import WorkerProcess, workerCommand
from PySide6.QtCore import QTimer
from stations import make_station

import FlareSegmentation

PATIENT = "Mustermann^Erika"


@pytest.fixture
def logic(engine):
    return FlareSegmentation.FlareSegmentationLogic()


@pytest.fixture
def quick(scripted):
    """On a worker that finds a liver everywhere, at once."""
    scripted("pieces")
    return FlareSegmentation.FlareSegmentationLogic()


@pytest.fixture
def scans(tmp_path):
    folder = tmp_path / "scans"
    folder.mkdir()
    return folder


@pytest.fixture
def organs(tmp_path):
    return tmp_path / "organs"


@pytest.fixture
def add(scans, phantom):
    """Writes the phantom into the input folder."""

    def write(name: str) -> Path:
        path = scans / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_scan(path, phantom.volume)
        return path

    return write


def write_dicom(folder: Path, volume) -> None:
    """One CT series of a named patient, lying in a new folder."""
    folder.mkdir()
    writer = sitk.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    spacing, origin = volume.geometry.spacing, np.array(volume.geometry.origin)
    for k, plane in enumerate(volume.voxels):
        image = sitk.GetImageFromArray(plane[np.newaxis])
        image.SetSpacing(spacing[::-1])
        position = origin + k * spacing[0] * np.array(volume.geometry.direction[0])
        tags = {
            "0010|0010": PATIENT,
            "0008|0060": "CT",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.1",
            "0020|0032": "\\".join(f"{value:.3f}" for value in position),
            "0020|0037": "1\\0\\0\\0\\1\\0",
            "0020|0013": str(k),
        }
        for tag, value in tags.items():
            image.SetMetaData(tag, value)
        writer.SetFileName(str(folder / f"{k:03}.dcm"))
        writer.Execute(image)


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / TABLE).open(encoding="utf-8", newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def states(results) -> dict[str, str]:
    return {result.case.name: result.state.value for result in results}


def load_segmentation(path: Path):
    """As Slicer loads a .seg.nrrd file."""
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(str(path))
    assert storage.ReadData(node)
    return node


class TestResults:
    def test_every_scan_gets_label_map_report_and_row(self, logic, scans, organs, add, phantom):
        for name in ("first.nii.gz", "second.nrrd"):
            add(name)
        write_dicom(scans / "third", phantom.volume)
        results = segmentFolder(logic, scans, organs)
        assert states(results) == {"first.nii.gz": "done", "second.nrrd": "done", "third": "done"}
        assert sorted(path.name for path in organs.iterdir()) == sorted(
            [f"{name}{end}" for name in ("first", "second", "third") for end in ("-organs.seg.nrrd", ".json")]
            + [TABLE, LEDGER]
        )
        table = rows(organs)
        assert list(table) == ["first.nii.gz", "second.nrrd", "third"]
        for row in table.values():
            assert float(row["liver_ml"]) > 500
            assert float(row["seconds"]) > 0
            assert row["error"] == ""

    def test_of_the_stations_of_a_dicom_folder_the_one_with_the_abdomen_is_taken(self, logic, scans, organs, phantom):
        write_series(scans / "patient" / "1", make_station("head", 0), series="1.2.3", SeriesDescription="Abdomen")
        write_series(scans / "patient" / "2", phantom.volume, FrameOfReferenceUID="1.2.4", SeriesDescription="CT")
        (scans / "patient" / "1" / "IM000.dcm").rename(scans / "patient" / "IM000.dcm")  # a scan has a file of its own
        (result,) = segmentFolder(logic, scans, organs)
        assert result.state.value == "done"
        assert "no abdomen was found in series 1 (Abdomen) with 60 slices" in rows(organs)["patient"]["warnings"]
        assert sitk.ReadImage(str(organs / "patient-organs.seg.nrrd")).GetSize()[2] == len(phantom.labels)

    def test_the_label_map_loads_into_slicer_on_the_scans_grid(self, logic, scans, organs, add):
        scan = sitk.ReadImage(str(add("ct.nii.gz")))
        (result,) = segmentFolder(logic, scans, organs)
        labels = sitk.ReadImage(str(result.case.labels))
        assert labels.GetSize() == scan.GetSize()
        assert labels.GetOrigin() == pytest.approx(scan.GetOrigin())
        assert labels.GetSpacing() == pytest.approx(scan.GetSpacing())
        segmentation = load_segmentation(result.case.labels).GetSegmentation()
        assert [segmentation.GetNthSegment(n).GetName() for n in range(4)] == [organ.name for organ in ORGANS]

    def test_the_report_is_that_of_the_file(self, logic, scans, organs, add):
        add("ct.nii.gz")
        (result,) = segmentFolder(logic, scans, organs)
        report = Report.from_json(json.loads((organs / "ct.json").read_text(encoding="utf-8")))
        assert report == result.report
        assert report.scan.name == "ct.nii.gz"
        seconds = {stage.name: stage.seconds for stage in report.stages}
        assert sum(seconds.values()) == pytest.approx(report.total_seconds, abs=0.2)
        assert seconds["read"] > 0.01  # unpacking a file, not mapping an array

    def test_no_patient_name_of_a_dicom_series_goes_anywhere(self, logic, scans, organs, phantom):
        write_dicom(scans / "case 7", phantom.volume)
        segmentFolder(logic, scans, organs)
        assert rows(organs)["case 7"]["state"] == "done"
        for path in filter(Path.is_file, organs.rglob("*")):
            assert b"Mustermann" not in path.read_bytes()

    def test_warnings_of_reading_are_in_report_and_row(self, logic, scans, organs, phantom):
        write_dicom(scans / "gap", phantom.volume)
        (scans / "gap" / "040.dcm").unlink()
        (result,) = segmentFolder(logic, scans, organs)
        assert any("not evenly spaced" in warning for warning in result.report.warnings)
        assert "not evenly spaced" in rows(organs)["gap"]["warnings"]

    def test_another_suffix_makes_another_format(self, logic, scans, organs, add):
        add("ct.nrrd")
        (result,) = segmentFolder(logic, scans, organs, suffix="_labels.nii.gz")
        assert result.case.labels == organs / "ct_labels.nii.gz"
        assert set(np.unique(sitk.GetArrayFromImage(sitk.ReadImage(str(result.case.labels))))) == {0, 1, 2, 3, 4}


class TestFailures:
    def test_kidneys_apart_and_clean_up_reach_engine_and_summary(self, logic, scans, organs, add):
        add("a.nii.gz")
        (result,) = segmentFolder(logic, scans, organs, splitKidneys=True, cleanUp="strong")
        assert [found.name for found in result.report.organs][1] == "Right kidney"
        row = rows(organs)["a.nii.gz"]
        assert float(row["left_kidney_ml"]) > 50
        assert row["kidneys_ml"] == ""

    def test_network_and_weights_reach_the_engine(self, logic, scans, organs, add, tmp_path):
        add("a.nii.gz")
        (result,) = segmentFolder(logic, scans, organs, network="full-size", weights=str(tmp_path / "none"))
        assert result.error.kind == "weights"
        assert str(tmp_path / "none") in result.error.message

    def test_a_case_that_fails_is_reported_and_the_others_go_on(self, quick, scans, organs, add):
        (scans / "a broken.nii.gz").write_bytes(b"no image")
        add("b.nii.gz")
        seen = []
        results = segmentFolder(quick, scans, organs, onResult=seen.append)
        assert states(results) == {"a broken.nii.gz": "failed", "b.nii.gz": "done"}
        assert seen == results
        assert results[0].error.kind == "bad_scan"
        row = rows(organs)["a broken.nii.gz"]
        assert row["state"] == "failed"
        assert "damaged" in row["error"]
        assert row["liver_ml"] == ""
        assert not (organs / "a broken-organs.seg.nrrd").exists()

    def test_an_engine_that_crashes_fails_its_case_only(self, scripted, scans, organs, add):
        scripted("crash")
        for name in ("a.nii.gz", "b.nii.gz"):
            add(name)
        results = segmentFolder(FlareSegmentation.FlareSegmentationLogic(), scans, organs)
        assert [result.error.kind for result in results] == ["worker", "worker"]

    def test_an_unforeseen_error_fails_its_case_only(self, scans, organs, add):
        class BrokenRunner(JobRunner):
            def start(self, job):
                raise MemoryError("too large")

        for name in ("a.nii.gz", "b.nii.gz"):
            add(name)
        logic = FlareSegmentation.FlareSegmentationLogic(BrokenRunner(WorkerProcess(workerCommand)))
        results = segmentFolder(logic, scans, organs)
        assert [result.error.kind for result in results] == ["internal", "internal"]
        assert "too large" in rows(organs)["b.nii.gz"]["error"]

    def test_a_summary_that_cannot_be_written_stops_nothing_and_is_told_at_the_end(self, quick, scans, organs, add):
        for name in ("a.nii.gz", "b.nii.gz"):
            add(name)

        def block(_result):
            (organs / TABLE).unlink(missing_ok=True)
            (organs / TABLE).mkdir(exist_ok=True)
            (organs / TABLE / "in the way").touch()

        with pytest.raises(FlareError, match=r"results\.csv cannot be written"):
            segmentFolder(quick, scans, organs, onResult=lambda r: r.case.name == "a.nii.gz" and block(r))
        assert (organs / "b-organs.seg.nrrd").exists()

    def test_a_run_in_progress_refuses_a_batch(self, scripted, add_scan, scans, organs, add):
        add("a.nii.gz")
        scripted("obedient")
        logic = FlareSegmentation.FlareSegmentationLogic()
        logic.start(add_scan())
        with pytest.raises(FlareError, match="already running"):
            segmentFolder(logic, scans, organs)
        logic.close()


class TestResuming:
    def test_finished_cases_are_skipped_and_keep_their_rows(self, quick, scans, organs, add):
        add("a.nii.gz")
        (first,) = segmentFolder(quick, scans, organs)
        before = first.case.labels.stat().st_mtime_ns
        add("b.nii.gz")
        results = segmentFolder(quick, scans, organs)
        assert states(results) == {"a.nii.gz": "skipped", "b.nii.gz": "done"}
        assert first.case.labels.stat().st_mtime_ns == before
        assert rows(organs)["a.nii.gz"]["liver_ml"] == f"{first.report.organs[0].volume_ml:.1f}"

    def test_a_resumed_batch_that_is_stopped_at_once_has_kept_the_rows(self, quick, scans, organs, add):
        for name in ("b.nii.gz", "c.nii.gz"):
            add(name)
        segmentFolder(quick, scans, organs)
        add("a.nii.gz")

        def stop(_result):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            segmentFolder(quick, scans, organs, onResult=stop)
        assert [row["state"] for row in rows(organs).values()] == ["done", "done", "done"]

    def test_a_corrected_label_map_is_kept_bit_for_bit(self, quick, scans, organs, add):
        add("a.nii.gz")
        (result,) = segmentFolder(quick, scans, organs)
        node = load_segmentation(result.case.labels)
        node.GetSegmentation().RemoveSegment("Liver")
        storage = node.GetStorageNode() or slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
        storage.SetFileName(str(result.case.labels))
        assert storage.WriteData(node)
        corrected = result.case.labels.read_bytes()
        assert states(segmentFolder(quick, scans, organs)) == {"a.nii.gz": "skipped"}
        assert result.case.labels.read_bytes() == corrected

    def test_without_resume_everything_is_made_again(self, quick, scans, organs, add):
        add("a.nii.gz")
        segmentFolder(quick, scans, organs)
        assert states(segmentFolder(quick, scans, organs, resume=False)) == {"a.nii.gz": "done"}

    def test_closing_the_logic_stops_the_batch_and_loses_nothing(self, logic, scans, organs, add):
        for name in ("a.nii.gz", "b.nii.gz"):
            add(name)
        done = []
        logic.runner.process.lineReceived.connect(lambda line: logic.close() if done and b'"stage"' in line else None)
        with pytest.raises(Cancelled):
            segmentFolder(logic, scans, organs, onResult=done.append)
        assert {name: row["state"] for name, row in rows(organs).items()} == {"a.nii.gz": "done"}
        done.clear()
        assert states(segmentFolder(logic, scans, organs)) == {"a.nii.gz": "skipped", "b.nii.gz": "done"}


class TestChoosing:
    def test_a_pattern_chooses_and_subfolders_stay_subfolders(self, quick, scans, organs, add):
        add("fall Größe 1/ct.nii.gz")
        add("fall Größe 1/other.nii.gz")
        (result,) = segmentFolder(quick, scans, organs, pattern="*/ct.nii.gz")
        assert result.case.name == "fall Größe 1/ct.nii.gz"
        assert (organs / "fall Größe 1" / "ct-organs.seg.nrrd").exists()
        assert list(rows(organs)) == ["fall Größe 1/ct.nii.gz"]

    def test_results_beside_their_scans_are_not_scans(self, quick, scans, add):
        add("a.nii.gz")
        for _ in range(2):
            results = segmentFolder(quick, scans, scans, suffix="-organs.nii.gz")
        assert states(results) == {"a.nii.gz": "skipped"}

    def test_a_segmentation_beside_the_scan_is_left_out_and_named_in_the_log(self, quick, scans, organs, add, caplog):
        add("a.nii.gz")
        sitk.WriteImage(sitk.GetImageFromArray(np.ones((8, 8, 8), np.uint8)), str(scans / "truth.nii.gz"))
        assert states(segmentFolder(quick, scans, organs)) == {"a.nii.gz": "done"}
        assert "truth.nii.gz was left out: it is a segmentation." in caplog.text

    @pytest.mark.parametrize(
        ("options", "kind", "message"),
        [
            ({"pattern": "*.xyz"}, "bad_scan", 'matches "\\*.xyz"'),
            ({"suffix": "-organs.png"}, "write", "no known label map suffix"),
            ({"device": "tpu"}, "bad_job", "Unknown device: 'tpu'"),
            ({"cleanUp": "hard"}, "bad_job", "Unknown clean-up: 'hard'"),
            ({"network": "best"}, "bad_job", "Unknown network: 'best'"),
            ({"outputFolder": "scans/a.nii.gz/organs"}, "write", "cannot be made"),
        ],
    )
    def test_a_request_that_cannot_be_met_is_refused_at_once(
        self, quick, scans, organs, add, options, kind, message, monkeypatch
    ):
        add("a.nii.gz")
        monkeypatch.chdir(scans.parent)
        with pytest.raises(FlareError, match=message) as caught:
            segmentFolder(quick, **{"inputFolder": "scans", "outputFolder": organs, **options})
        assert caught.value.kind == kind
        assert caught.value.hint
        assert not organs.exists()

    def test_a_json_file_of_other_origin_is_never_overwritten(self, quick, scans, add):
        """Data sets keep facts about NAME.nii.gz in a NAME.json beside it."""
        add("a.nii.gz")
        facts = scans / "a.json"
        facts.write_text('{"KVP": 120}', encoding="utf-8")
        with pytest.raises(FlareError, match="is not a report of flareseg"):
            segmentFolder(quick, scans, scans)
        assert facts.read_text(encoding="utf-8") == '{"KVP": 120}'


@pytest.mark.parametrize(("step", "name"), [("open", "a.nii.gz"), ("os.rename", "a-organs.seg.nrrd")])
def test_slicer_handles_its_events_while_files_are_read_and_written(quick, scans, organs, add, step, name):
    """A file is opened or put in its place only when a timer of Qt has fired meanwhile."""
    add("a.nii.gz")
    fired = threading.Event()
    timer = QTimer()
    timer.timeout.connect(fired.set)
    slow = [True]

    def slow_disk(event, arguments):
        if slow and event == step and name in map(base_name, arguments):
            slow.clear()
            QTimer.singleShot(0, timer, timer.start)
            assert fired.wait(LIMIT_SECONDS)

    sys.addaudithook(slow_disk)  # stays until the process ends
    assert states(segmentFolder(quick, scans, organs)) == {"a.nii.gz": "done"}
    assert fired.is_set()


def base_name(argument):
    return Path(argument).name if isinstance(argument, (str, Path)) else None
