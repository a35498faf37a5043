"""The folder batch of Slicer and an archive go on with each other's output folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from dicom_files import write_series
from flareseg.archive.driver import Driver
from flareseg.archive.status import status_of
from flareseg.archive.table import read_table
from flareseg.core.errors import unexpected
from flareseg.core.report import Report
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.pipeline import segment_scan
from flareseg.io.folder_batch import FolderBatch
from flareseg.io.ledger import LEDGER
from flareseg.io.outputs import write_text
from flareseg.io.reading import read_volume
from flareseg.io.tasks import Task, plan_folder
from flareseg.io.writing import write_labels, write_scan
from scripted_networks import kidney_finder

AddStudy = Callable[[Path, int], Path]


def segment(task: Task) -> Report:
    """As Slicer's batch does it, in this process."""
    with Run() as run:
        outcome = segment_scan(
            kidney_finder(),
            lambda: read_volume(task.scan),
            lambda found, volume: write_labels(task.labels, found.labels, volume.geometry),
            run,
        )
    assert task.report
    write_text(task.report, outcome.report.dumps())
    return outcome.report


def batch(source: Path, output: Path) -> dict[str, str]:
    """State by name, after a batch that goes on from what is there."""
    found = FolderBatch(plan_folder(source, output, "*", "-organs.seg.nrrd").tasks, output)
    with found.lock():
        found.skip_finished()
        states = {entry.task.name: entry.state.value for entry in found.run(segment, unexpected)}
        found.write_table()
    assert all(entry.task.labels.exists() for entry in found.entries)
    return states


def test_an_archive_goes_on_with_the_folder_of_a_batch(
    driver: Callable[..., Driver], add_study: AddStudy, small_phantom: Volume, tmp_path: Path
) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    add_study(source / "dicom", 0)
    write_scan(source / "ct.nrrd", small_phantom)
    assert batch(source, output) == {"ct.nrrd": "done", "dicom": "done"}
    add_study(source / "later", 1)
    counts = driver(source, output).run(source)
    assert (counts.total, counts.before, counts.states) == (3, 2, {"done": 1})
    table = read_table(output, ["name", "series_uid", "preview"]).sort_values("name")
    assert table["series_uid"].dropna().tolist() == ["1.2.826.0.1.0.4", "1.2.826.0.1.1.4"]
    assert len(table) == 3


def test_an_archive_does_a_series_again_that_has_grown_since_a_batch(
    driver: Callable[..., Driver], small_phantom: Volume, tmp_path: Path
) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    write_series(source / "dicom", small_phantom, lambda dataset, k: dataset if k < 22 else None)
    write_series(source / "whole", small_phantom, series="1.2.2")
    assert batch(source, output) == {"dicom": "done", "whole": "done"}
    write_series(source / "dicom", small_phantom)
    counts = driver(source, output).run(source)
    assert (counts.before, counts.states) == (1, {"done": 1})
    assert read_table(output, ["slices"])["slices"].tolist() == [32, 32]


def test_a_result_of_another_version_has_a_row_that_the_status_can_read(small_phantom: Volume, tmp_path: Path) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    source.mkdir()
    write_scan(source / "ct.nrrd", small_phantom)
    batch(source, output)
    shutil.rmtree(output / LEDGER)
    (output / "ct.json").write_text('{"schema_version": 1}', encoding="utf-8")
    assert batch(source, output) == {"ct.nrrd": "skipped"}
    assert status_of(output).states == {"done": 1}


def test_a_batch_goes_on_with_the_folder_of_an_archive(
    driver: Callable[..., Driver], add_study: AddStudy, small_phantom: Volume, tmp_path: Path
) -> None:
    source, output = tmp_path / "source", tmp_path / "output"
    add_study(source / "dicom", 0)
    write_scan(source / "ct.nrrd", small_phantom)
    driver(source, output).run(source)
    before = read_table(output, ["name", "key"])
    write_scan(source / "later.nrrd", small_phantom)
    assert batch(source, output) == {"ct.nrrd": "skipped", "dicom": "skipped", "later.nrrd": "done"}
    assert driver(source, output).run(source).before == 3
    assert set(before["key"]) < set(read_table(output, ["key"])["key"])
