"""An archive on a cluster of two processes: nothing is lost and nothing done twice, whatever happens on the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from dicom_files import moved, write_series
from distributed import Client
from flareseg.archive.cluster import Workers, local_client
from flareseg.archive.driver import ArchiveCounts, Driver
from flareseg.archive.table import read_table
from flareseg.core.errors import FlareError, OutputError
from flareseg.core.volume import Volume
from flareseg.io.ledger import LEDGER, ResultLedger, series_key
from flareseg.io.result_row import COLUMNS
from flareseg.io.result_table import TABLE
from in_time import wait_for
from jobs import DyingJob
from pydicom import Dataset

Drive = Callable[..., Driver]
AddStudy = Callable[[Path, int], Path]

kills = pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "output"


def states(output: Path) -> dict[str, str]:
    """By study, from the table."""
    table = read_table(output, ["study_uid", "name", "state"])
    return dict(zip(table["study_uid"].fillna(table["name"]), table["state"]))


def attempts(output: Path) -> Counter[int]:
    return Counter(read_table(output, ["attempts"])["attempts"].tolist())


def test_forty_studies_give_forty_rows_with_their_files(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(40):
        add_study(source / f"patient {number % 7}" / f"study {number}" / "ct", number)
    counts = driver(source, output).run(source)
    assert counts.table == {"done": 40}
    table = read_table(output, COLUMNS)
    assert len(set(table["series_uid"])) == 40
    assert set(table["slices"]) == {32}
    assert set(table["kidneys_ml"].round(1)) == {74.8}
    for column in ("labels", "report", "preview"):
        assert len(set(table[column])) == 40
        assert all((output / name).stat().st_size > 0 for name in table[column])
    assert len((output / TABLE).read_text(encoding="utf-8").splitlines()) == 41


def test_a_later_call_does_what_was_added_and_nothing_else(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(3):
        add_study(source / str(number), number)
    driver(source, output).run(source)
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*-organs.nii.gz")}
    add_study(source / "later", 3)
    counts = driver(source, output).run(source)
    assert (counts.total, counts.before, counts.states) == (4, 3, {"done": 1})
    assert len(states(output)) == 4
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_series_that_has_grown_is_done_again_and_none_of_its_stations_is_lost(
    driver: Drive, small_phantom: Volume, source: Path, output: Path
) -> None:
    """The upper station has 18 slices, of which 8 arrive later: only then has it more than the lower one."""

    def stations(last: int) -> Callable[[Dataset, int], Dataset | None]:
        def edit(dataset: Dataset, k: int) -> Dataset | None:
            dataset.AcquisitionNumber = 1 + (k >= 14)
            dataset = moved(dataset, up=500.0) if k >= 14 else dataset
            return dataset if k < last else None

        return edit

    def slices() -> list[int]:
        return sorted(read_table(output, ["slices"])["slices"].tolist())

    write_series(source / "growing", small_phantom, stations(24), series="1.2.1")
    write_series(source / "whole", small_phantom, series="1.2.2")
    assert driver(source, output).run(source).table == {"done": 3}
    assert slices() == [10, 14, 32]
    write_series(source / "growing", small_phantom, stations(32), series="1.2.1")
    counts = driver(source, output).run(source)
    assert (counts.before, counts.states) == (1, {"done": 2})
    assert slices() == [14, 18, 32]


def test_a_row_that_a_loss_of_power_has_damaged_is_written_again(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(2):
        add_study(source / str(number), number)
    driver(source, output).run(source)
    row = next((output / LEDGER / "rows").rglob("*.json"))
    row.write_bytes(bytes(40))
    (output / LEDGER / "rows" / "Thumbs.db").write_bytes(b"of a file manager")
    (row.parent / "._another.json").write_bytes(b"of a disk")
    counts = driver(source, output).run(source)
    assert (counts.before, counts.states, counts.table) == (1, {"done": 1}, {"done": 2})


def test_a_source_that_goes_away_stops_the_run_and_blames_no_scan(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(6):
        add_study(source / str(number), number)

    def unmount(counts: ArchiveCounts) -> None:
        if not (source.parent / "share").exists():
            source.rename(source.parent / "share")
            source.mkdir()

    with pytest.raises(FlareError, match=r"cannot be read on .*source is empty"):
        driver(source, output, on_change=unmount).run(source)
    assert set(states(output).values()) == {"done"}
    source.rmdir()
    (source.parent / "share").rename(source)
    assert driver(source, output).run(source).table == {"done": 6}


def test_a_study_that_is_removed_fails_alone(driver: Drive, add_study: AddStudy, source: Path, output: Path) -> None:
    for number in range(8):
        add_study(source / str(number), number)
    driver(source, output, on_change=lambda counts: shutil.rmtree(source / "7", ignore_errors=True)).run(source)
    assert Counter(states(output).values()) == {"done": 7, "failed": 1}


def test_an_interrupted_run_goes_on_where_it_ended(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(12):
        add_study(source / str(number), number)

    def interrupt(counts: ArchiveCounts) -> None:
        if counts.ended == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driver(source, output, on_change=interrupt).run(source)
    before = {name: (output / name).stat().st_mtime_ns for name in read_table(output, ["labels"])["labels"]}
    assert len(before) >= 3
    counts = driver(source, output).run(source)
    assert counts.before >= len(before)
    assert {name: (output / name).stat().st_mtime_ns for name in before} == before
    assert counts.ended == 12
    assert set(states(output).values()) == {"done"}
    assert len(states(output)) == 12


def test_a_case_at_work_when_the_run_is_interrupted_is_not_blamed(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    add_study(source / "waits", 0)
    add_study(source / "good", 1)

    def interrupt(counts: ArchiveCounts) -> None:
        while not list(output.glob("*.mark")):
            time.sleep(0.05)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        driver(source, output, on_change=interrupt).run(source)
    assert ResultLedger(output).begin(series_key("1.2.826.0.1.0.4")) == 1
    (output / "go").touch()


@kills
def test_a_worker_that_is_killed_costs_nothing(
    driver: Drive, client: Client, add_study: AddStudy, source: Path, output: Path
) -> None:
    for number in range(10):
        add_study(source / str(number), number)

    def kill(counts: ArchiveCounts) -> None:
        if counts.ended == 3:
            os.kill(client.run(os.getpid).popitem()[1], signal.SIGKILL)

    counts = driver(source, output, on_change=kill).run(source)
    assert counts.table == {"done": 10}
    assert set(attempts(output)) <= {1, 2}


@kills
def test_a_scan_that_ends_its_process_is_tried_three_times_and_the_others_go_on(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    add_study(source / "kills", 0)
    add_study(source / "once", 1)
    for number in range(2, 8):
        add_study(source / str(number), number)
    counts = driver(source, output).run(source)
    assert counts.table == {"done": 7, "failed": 1}
    table = read_table(output, ["study_uid", "error_kind", "error", "attempts"]).set_index("study_uid")
    poisoned, once = table.loc["1.2.826.0.1.0"], table.loc["1.2.826.0.1.1"]
    assert (poisoned["error_kind"], poisoned["attempts"], once["attempts"]) == ("worker", 3, 2)
    assert poisoned["error"].startswith("The process that worked on this scan was ended 3 times")
    others = table.drop(["1.2.826.0.1.0", "1.2.826.0.1.1"])
    assert set(others["attempts"]) == {1}  # although they waited on the process that ended
    assert not list(output.rglob(".*.tmp*"))  # of the files that they were writing


def test_errors_that_may_pass_are_tried_again_and_others_are_not(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    add_study(source / "raises", 0)
    add_study(source / "full", 1)
    (source / "broken.nii.gz").write_bytes(b"not an image")
    counts = driver(source, output).run(source)
    assert counts.table == {"failed": 3}
    table = read_table(output, ["error_kind", "error", "attempts"]).set_index("error_kind")
    assert table["attempts"].to_dict() == {"internal": 3, "memory": 3, "bad_scan": 1}
    assert "RuntimeError: ITK ERROR: not an image" in table.loc["internal"]["error"]


def test_failed_cases_are_left_alone_until_they_are_asked_for(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    folder = add_study(source / "study", 0)
    whole = (folder / "IM010.dcm").read_bytes()
    (folder / "IM010.dcm").write_bytes(whole[:5000])
    assert driver(source, output).run(source).table == {"failed": 1}
    (folder / "IM010.dcm").write_bytes(whole)
    assert driver(source, output).run(source).table == {"failed": 1}
    assert driver(source, output, retry=True).run(source).table == {"done": 1}


def test_a_full_disk_stops_the_run_blames_no_scan_and_leaves_nothing_half_written(
    driver: Drive, add_study: AddStudy, source: Path, small_disk: Path
) -> None:
    for number in range(3):
        add_study(source / str(number), number)
    subprocess.run(["mount", "-o", "remount,size=80k", str(small_disk)], check=True)
    with pytest.raises(OutputError, match="No space left"):
        driver(source, small_disk).run(source)
    assert not [row for row in ResultLedger(small_disk).rows() if row["state"] != "done"]
    wait_for(lambda: not list(small_disk.rglob("*.tmp*")))  # the other worker may be at its case still
    subprocess.run(["mount", "-o", "remount,size=20m", str(small_disk)], check=True)
    assert driver(source, small_disk).run(source).table == {"done": 3}


def test_two_calls_on_one_output_folder_refuse_each_other(
    driver: Drive, add_study: AddStudy, source: Path, output: Path
) -> None:
    add_study(source / "study", 0)
    with ResultLedger(output).lock(), pytest.raises(FlareError, match="is in use: process"):
        driver(source, output).run(source)
    assert driver(source, output).run(source).table == {"done": 1}


def test_nothing_listens_beyond_the_loopback(client: Client) -> None:
    assert len(client.run(os.getpid)) == 2
    family = [psutil.Process(), *psutil.Process().children(recursive=True)]
    listening = [each.laddr.ip for process in family for each in process.net_connections() if each.status == "LISTEN"]
    assert len(listening) >= 3
    assert set(listening) == {"127.0.0.1"}


@kills
@pytest.mark.parametrize("busy", [False, True])
def test_a_process_that_is_killed_or_finds_no_gpu_while_it_starts_is_replaced(
    busy: bool, add_study: AddStudy, source: Path, output: Path
) -> None:
    add_study(source / "study", 0)
    driver = Driver(DyingJob(source, output, busy), lambda: local_client(Workers(count=1, threads=1, ram_mb=6000)))
    assert driver.run(source).table == {"done": 1}
