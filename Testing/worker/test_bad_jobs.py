"""Jobs that are refused before any work, and jobs that are stopped while their results are written."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import Cancelled
from flareseg.core.run import Run
from flareseg.inference.cascade import Cascade
from flareseg.phantom import Phantom
from flareseg.worker import events
from flareseg.worker.segment_job import run_job
from worker_process import WorkerProcess, job_for, worker


@pytest.fixture(scope="module")
def warm() -> Iterator[WorkerProcess]:
    with worker() as running:
        running.wait_for(events.Ready)
        yield running


def refusal(warm: WorkerProcess, job: events.SegmentJob) -> events.Failure:
    """The failure that answers a job, which must come before any stage."""
    warm.seen.clear()
    warm.send(job)
    failure = warm.wait_for(events.Failure)
    assert failure.id == job.id
    assert [event for event in warm.seen if isinstance(event, events.StageProgress)] == []
    return failure


@pytest.mark.parametrize(("organs", "message"), [([], "No organ is chosen."), (["heart"], 'Unknown organ: "heart"')])
def test_a_choice_of_organs_that_names_none_is_refused(
    organs: list[str], message: str, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    failure = refusal(warm, job_for(phantom.volume, tmp_path, organs=organs))
    assert failure.kind == "bad_job"
    assert message in failure.message


@pytest.mark.parametrize("field", ["labels", "uncertainty"])
@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("labels.npy", "bad_job", "not the absolute path"),
        ("{folder}/labels.txt", "bad_job", "not the absolute path of an .npy file"),
        ("{folder}/la\0bels.npy", "bad_job", "not the absolute path"),
        ("{folder}/\ud800.npy", "bad_job", "not the absolute path"),
        ("{folder}/missing/labels.npy", "write", "cannot be written"),
        ("{folder}/scan.npy/labels.npy", "write", "cannot be written"),
        ("{folder}/" + "x" * 300 + ".npy", "write", "cannot be written"),
        ("{folder}/folder.npy", "write", "is a folder"),
        ("{folder}/scan.npy", "bad_job", "one file for two arrays"),
        ("{folder}/../{name}/scan.npy", "bad_job", "one file for two arrays"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_a_target_that_cannot_be_written_is_refused_before_the_work(
    field: str, target: str, kind: str, message: str, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    (tmp_path / "folder.npy").mkdir()
    target = target.format(folder=tmp_path, name=tmp_path.name)
    failure = refusal(warm, job_for(phantom.volume, tmp_path, **{field: target}))
    assert failure.kind == kind
    assert message in failure.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.npy", "scan.npy"]
    assert np.array_equal(np.load(tmp_path / "scan.npy"), phantom.volume.voxels)


def test_one_file_for_labels_and_uncertainty_is_refused(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    both = str(tmp_path / "both.npy")
    failure = refusal(warm, job_for(phantom.volume, tmp_path, labels=both, uncertainty=both))
    assert failure.message == "The job names one file for two arrays."


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a folder where nothing can be made")
def test_a_folder_where_nothing_can_be_written_is_refused(
    warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    assert refusal(warm, job_for(phantom.volume, tmp_path, labels="/proc/labels.npy")).kind == "write"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no FIFOs")
@pytest.mark.parametrize(("field", "kind"), [("scan", "bad_job"), ("labels", "write")])
def test_a_fifo_is_refused_rather_than_waited_for(
    field: str, kind: str, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "fifo.npy")
    assert refusal(warm, job_for(phantom.volume, tmp_path, **{field: str(tmp_path / "fifo.npy")})).kind == kind
    assert (tmp_path / "fifo.npy").is_fifo()


@pytest.mark.parametrize("scan", ["scan.npy", "{folder}", "{folder}/missing.npy", "{folder}/scan.pkl"])
def test_a_scan_that_is_not_an_npy_file_is_refused(
    scan: str, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    (tmp_path / "scan.pkl").touch()
    assert refusal(warm, job_for(phantom.volume, tmp_path, scan=scan.format(folder=tmp_path))).kind == "bad_job"


@pytest.mark.parametrize(
    "roi",
    [
        *([], [1, 2, 3], [0, 1, 0, 1, 0, 1, 0], ["a"] * 6, ["0", "1"] * 3, [None] * 6, [[0, 1]] * 6),
        *([0, True, 0, 1, 0, 1], [0, float("inf"), 0, 1, 0, 1], [0, 1, 0, 1, 0, float("nan")], [0, 10**400] * 3),
    ],
    ids=lambda roi: str(roi)[:25],
)
def test_an_roi_that_is_not_six_numbers_is_refused_before_the_work(
    roi: list[float], warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    failure = refusal(warm, job_for(phantom.volume, tmp_path, roi=roi))
    assert (failure.kind, failure.message) == ("bad_job", "The ROI of the job is not six numbers.")


def test_an_unknown_clean_up_is_refused_before_the_work(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    failure = refusal(warm, job_for(phantom.volume, tmp_path, clean_up="thorough"))
    assert failure.message == 'Unknown clean-up: "thorough".'


def test_an_unknown_network_is_refused_before_the_work(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    failure = refusal(warm, job_for(phantom.volume, tmp_path, network="whole"))
    assert (failure.kind, failure.message) == ("bad_job", 'Unknown network: "whole".')


def test_the_whole_scan_in_one_pass_asks_for_weights_of_ones_own(
    warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    warm.send(job_for(phantom.volume, tmp_path, network="full-size"))
    failure = warm.wait_for(events.Failure)
    assert failure.kind == "weights"
    assert "No weights for the whole scan in one pass" in failure.message
    warm.send(job_for(phantom.volume, tmp_path, network="full-size", weights=str(tmp_path / "gone")))
    assert "The list of network weights is missing" in warm.wait_for(events.Failure).message


def test_unknown_borders_are_refused_before_the_work(warm: WorkerProcess, phantom: Phantom, tmp_path: Path) -> None:
    failure = refusal(warm, job_for(phantom.volume, tmp_path, borders="sharp"))
    assert failure.message == 'Unknown borders: "sharp".'


class Touch:
    """Leaves a file when it is unpickled."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.witness,)


def raw_pickle(scan: Path, witness: Path) -> None:
    scan.write_bytes(pickle.dumps(Touch(witness)))


def array_of_objects(scan: Path, witness: Path) -> None:
    np.save(scan, np.array([[[Touch(witness)]]], dtype=object), allow_pickle=True)


def archive_of_objects(scan: Path, witness: Path) -> None:
    with scan.open("wb") as file:
        np.savez(file, shape=np.array([Touch(witness)], dtype=object))


@pytest.mark.parametrize("write", [raw_pickle, array_of_objects, archive_of_objects])
def test_a_pickle_in_place_of_a_scan_is_never_loaded(
    write: object, warm: WorkerProcess, phantom: Phantom, tmp_path: Path
) -> None:
    job = job_for(phantom.volume, tmp_path)
    witness = tmp_path / "loaded"
    write(Path(job.scan), witness)  # type: ignore[operator]
    warm.send(job)
    assert warm.wait_for(events.Failure).kind == "bad_job"
    assert not witness.exists()


def test_the_pickles_of_these_tests_are_real(tmp_path: Path) -> None:
    raw_pickle(tmp_path / "scan.npy", tmp_path / "loaded")
    np.load(tmp_path / "scan.npy", mmap_mode="r", allow_pickle=True)
    assert (tmp_path / "loaded").exists()


def test_a_cancel_in_the_write_stage_leaves_nothing(cascade: Cascade, phantom: Phantom, tmp_path: Path) -> None:
    job = job_for(phantom.volume, tmp_path, uncertainty=str(tmp_path / "uncertainty.npy"))
    seen: list[str] = []
    with Run(lambda stage, fraction: seen.append(stage), lambda: "write" in seen) as run, pytest.raises(Cancelled):
        run_job(job, cascade, run)
    assert [path.name for path in tmp_path.iterdir()] == ["scan.npy"]


def test_a_cancelled_job_leaves_an_earlier_result_as_it_was(cascade: Cascade, phantom: Phantom, tmp_path: Path) -> None:
    job = job_for(phantom.volume, tmp_path)
    Path(job.labels).write_bytes(b"an earlier result")
    seen: list[str] = []
    with Run(lambda stage, fraction: seen.append(stage), lambda: "write" in seen) as run, pytest.raises(Cancelled):
        run_job(job, cascade, run)
    assert Path(job.labels).read_bytes() == b"an earlier result"
