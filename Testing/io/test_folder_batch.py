"""A folder of scans is resumed where it was stopped, and its summary says what became of each scan."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import Cancelled, FlareError, ScanError, unexpected
from flareseg.core.geometry import Geometry
from flareseg.core.report import DeviceFacts, MemoryFacts, OrganFacts, Report, ScanFacts
from flareseg.io.folder_batch import FolderBatch
from flareseg.io.ledger import LEDGER, ResultLedger
from flareseg.io.result_table import TABLE
from flareseg.io.tasks import Task
from flareseg.io.writing import write_labels

REPORT = Report(
    version="1.2.3",
    scan=ScanFacts("scan", [8, 8, 8], [1.0, 1.0, 1.0], "LPS"),
    device=DeviceFacts("cpu", "test", "float32"),
    weights=[],
    roi=[0.0] * 6,
    roi_source="network",
    stages=[],
    total_seconds=2.5,
    memory=MemoryFacts(100.0),
    organs=[OrganFacts(1, "Liver", 126, 1234.56, warnings=["is large"])],
    warnings=["Slices are missing."],
)
GEOMETRY = Geometry((8, 8, 8), (1.0, 1.0, 1.0), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))


def tasks(folder: Path, *names: str, suffix: str = "-organs.seg.nrrd") -> list[Task]:
    return [Task(f"{n}.nii.gz", Path(f"{n}.nii.gz"), folder / f"{n}{suffix}", folder / f"{n}.json") for n in names]


def segment(task: Task) -> Report:
    """Writes a label map and a report, but of a scan named bad."""
    if task.name == "bad.nii.gz":
        raise ScanError("bad.nii.gz is damaged.", "Copy it again.")
    assert task.report
    write_labels(task.labels, np.random.default_rng(0).integers(0, 5, (8, 8, 8)).astype(np.uint8), GEOMETRY)
    task.report.write_text(REPORT.dumps(), encoding="utf-8")
    return REPORT


def run(folder: Path, found: list[Task]) -> dict[str, str]:
    """What becomes of each scan of a batch that goes on from what is there."""
    batch = FolderBatch(found, folder)
    batch.skip_finished()
    states = {entry.task.name: entry.state.value for entry in batch.run(segment, unexpected)}
    batch.write_table()
    return states


def rows(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / TABLE).open(encoding="utf-8", newline="") as stream:
        return {row["name"]: row for row in csv.DictReader(stream)}


def test_the_summary_has_a_row_for_each_scan(tmp_path: Path) -> None:
    run(tmp_path, tasks(tmp_path, "a", "bad"))
    first, second = rows(tmp_path).values()
    known = ("name", "state", "seconds", "liver_ml", "spleen_ml", "warnings", "error_kind", "error", "labels", "report")
    assert [first[column] for column in known] == [
        *("a.nii.gz", "done", "2.5", "1234.6", "", "Slices are missing. Liver: is large", "", ""),
        *("a-organs.seg.nrrd", "a.json"),
    ]
    assert [second[column] for column in known] == [
        *("bad.nii.gz", "failed", "", "", "", "", "bad_scan", "bad.nii.gz is damaged. Copy it again.", "", ""),
    ]


def test_a_scan_that_has_ended_is_in_the_ledger_at_once_and_in_the_table_at_the_end(tmp_path: Path) -> None:
    batch = FolderBatch(tasks(tmp_path, *"abc"), tmp_path)
    for number, _ in enumerate(batch.run(segment, unexpected), 1):
        batch.keep_table()
        assert len(list(ResultLedger(tmp_path).rows())) == number
    batch.write_table()
    assert list(rows(tmp_path)) == ["a.nii.gz", "b.nii.gz", "c.nii.gz"]


def test_finished_scans_are_skipped_with_their_rows_and_failed_ones_tried_again(tmp_path: Path) -> None:
    found = tasks(tmp_path, "a", "bad", "c")
    assert run(tmp_path, found[:2]) == {"a.nii.gz": "done", "bad.nii.gz": "failed"}
    before = found[0].labels.stat().st_mtime_ns
    assert run(tmp_path, found) == {"a.nii.gz": "skipped", "bad.nii.gz": "failed", "c.nii.gz": "done"}
    assert found[0].labels.stat().st_mtime_ns == before
    assert rows(tmp_path)["a.nii.gz"]["liver_ml"] == "1234.6"


def test_rows_of_finished_scans_are_there_before_any_work(tmp_path: Path) -> None:
    found = tasks(tmp_path, "a", "b", "c")
    run(tmp_path, found[1:])
    batch = FolderBatch(found, tmp_path)
    batch.skip_finished()
    batch.write_table()
    assert [row["state"] for row in rows(tmp_path).values()] == ["done", "done"]


def test_a_scan_that_was_cancelled_has_no_row(tmp_path: Path) -> None:
    def cancel(_task: Task) -> Report:
        raise Cancelled

    batch = FolderBatch(tasks(tmp_path, "a", "b"), tmp_path)
    assert [entry.state.value for entry in batch.run(cancel, unexpected)] == ["cancelled", "cancelled"]
    batch.write_table()
    assert rows(tmp_path) == {}


@pytest.mark.parametrize("suffix", ["-organs.seg.nrrd", "-organs.nii.gz"])
def test_a_label_map_that_was_cut_short_is_made_again(suffix: str, tmp_path: Path) -> None:
    (task,) = found = tasks(tmp_path, "a", suffix=suffix)
    run(tmp_path, found)
    whole = task.labels.read_bytes()
    task.labels.write_bytes(whole[: len(whole) // 2])
    assert run(tmp_path, found) == {"a.nii.gz": "done"}
    assert task.labels.read_bytes() == whole


@pytest.mark.parametrize("missing", ["a-organs.seg.nrrd", "a.json"])
def test_a_scan_of_which_one_file_is_missing_is_made_again(missing: str, tmp_path: Path) -> None:
    found = tasks(tmp_path, "a")
    run(tmp_path, found)
    (tmp_path / missing).unlink()
    assert run(tmp_path, found) == {"a.nii.gz": "done"}


def test_a_report_of_another_version_still_counts_as_done(tmp_path: Path) -> None:
    found = tasks(tmp_path, "a")
    run(tmp_path, found)
    (tmp_path / "a.json").write_text('{"schema_version": 99}', encoding="utf-8")
    shutil.rmtree(tmp_path / LEDGER)  # which earlier versions did not have
    assert run(tmp_path, found) == {"a.nii.gz": "skipped"}
    assert rows(tmp_path)["a.nii.gz"]["liver_ml"] == ""


def test_a_json_file_of_other_origin_is_never_overwritten(tmp_path: Path) -> None:
    """Data sets keep facts about NAME.nii.gz in a NAME.json beside it."""
    (tmp_path / "a.json").write_text('{"KVP": 120}', encoding="utf-8")
    with pytest.raises(FlareError, match=r"a\.json exists and is not a report") as caught:
        FolderBatch(tasks(tmp_path, "a"), tmp_path)
    assert caught.value.kind == "write"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_a_summary_that_cannot_be_written_is_told_before_any_work(tmp_path: Path) -> None:
    (tmp_path / TABLE).mkdir()
    with pytest.raises(FlareError, match="is a folder, not a file"):
        FolderBatch(tasks(tmp_path, "a"), tmp_path)


def test_a_finished_scan_keeps_what_its_row_said(tmp_path: Path) -> None:
    found = tasks(tmp_path, "a")
    run(tmp_path, found)
    before = rows(tmp_path)
    run(tmp_path, found)
    assert rows(tmp_path) == before


def test_two_callers_on_one_folder_refuse_each_other(tmp_path: Path) -> None:
    first, second = (FolderBatch(tasks(tmp_path, "a"), tmp_path) for _ in range(2))
    with first.lock(), pytest.raises(FlareError, match="is in use: process") as caught, second.lock():
        pass
    assert caught.value.kind == "write"
    with second.lock():
        pass
