"""The order of the scans of a batch, what becomes of each, and how long the rest takes."""

from __future__ import annotations

import weakref

import numpy as np
import pytest
from flareseg.core.errors import Cancelled, FlareError, NoAbdomenError, ScanError, unexpected
from flareseg.io.batch import Batch, Entry, State


def states(batch: Batch) -> list[str]:
    return [entry.state.value for entry in batch.entries]


def halved(number: int) -> float:
    """The work: 0 is a scan without an abdomen, a negative number is damaged, 13 is not foreseen."""
    if number == 0:
        raise NoAbdomenError("No abdomen was found.")
    if number < 0:
        raise ScanError("The scan is damaged.", "Copy it again.")
    if number == 13:
        raise ZeroDivisionError("by zero")
    return number / 2


def test_every_scan_has_an_outcome_and_a_failure_stops_nothing() -> None:
    batch: Batch[int, float] = Batch([4, -1, 0, 13, 6])
    seen = [entry.task for entry in batch.run(halved, unexpected)]
    assert seen == [4, -1, 0, 13, 6]
    assert states(batch) == ["done", "failed", "nothing found", "failed", "done"]
    assert [entry.result for entry in batch.entries] == [2.0, None, None, None, 3.0]
    assert [entry.error and entry.error.kind for entry in batch.entries] == [
        *(None, "bad_scan", "no_abdomen", "internal", None)
    ]


def test_an_unforeseen_failure_is_told_with_its_name() -> None:
    (entry,) = Batch([13]).run(halved, unexpected)
    assert str(entry.error) == "Failed unexpectedly (ZeroDivisionError: by zero)."


def test_a_failure_does_not_keep_the_scans_voxels() -> None:
    """Of a thousand scans that fail, the voxels would fill the memory."""
    kept = []

    def fail(_task: str) -> None:
        voxels = np.zeros(8)
        kept.append(weakref.ref(voxels))
        raise ValueError(voxels.shape)

    batch: Batch[str, None] = Batch(["scan"])
    for entry in batch.run(fail, unexpected):
        assert entry.error
    assert kept[0]() is None
    assert states(batch) == ["failed"]


def test_failures_that_cause_each_other_end_the_batch_all_the_same() -> None:
    def fail(_task: str) -> None:
        first, second = ValueError("first"), ValueError("second")
        first.__cause__, second.__cause__ = second, first
        raise first

    (entry,) = Batch(["scan"]).run(fail, unexpected)
    assert str(entry.error) == "Failed unexpectedly (ValueError: first)."


def test_a_skipped_scan_keeps_its_turn_and_is_not_segmented_again() -> None:
    batch: Batch[int, float] = Batch([4, -1, 6])
    batch.skip(batch.entries[1], 7.0)
    assert [entry.result for entry in batch.run(halved, unexpected)] == [2.0, 7.0, 3.0]
    assert states(batch) == ["done", "skipped", "done"]


def test_a_cancelled_scan_stops_the_batch() -> None:
    def work(task: str) -> str:
        if task == "second":
            raise Cancelled
        return task

    batch: Batch[str, str] = Batch(["first", "second", "third"])
    ends = [entry.state.value for entry in batch.run(work, unexpected)]
    assert ends == states(batch) == ["done", "cancelled", "cancelled"]
    assert all(isinstance(entry.error, Cancelled) for entry in batch.entries[1:])


class Deleted(FlareError):
    """As a deleted node ends a run: of the kind of a cancelled one, but it does not cancel the batch."""

    kind = Cancelled.kind


def test_a_scan_that_was_deleted_while_at_work_does_not_stop_the_batch() -> None:
    batch: Batch[str, str] = Batch(["first", "second"])
    batch.fail(begun(batch), Deleted("The scan was deleted."))
    assert begun(batch).task == "second"


class TestDrivenByEvents:
    def test_the_scans_are_begun_in_their_order_until_there_is_none(self) -> None:
        batch: Batch[str, int] = Batch(["first", "second"])
        assert states(batch) == ["waiting", "waiting"]
        first = begun(batch)
        assert (first.task, states(batch)) == ("first", ["running", "waiting"])
        batch.succeed(first, 1)
        second = begun(batch)
        assert batch.place(second) == (2, 2)
        batch.fail(second, ScanError("The scan is damaged.", "Copy it again."))
        assert batch.begin() is None
        assert states(batch) == ["done", "failed"]

    def test_cancelling_leaves_out_what_waits_and_the_scan_at_work_to_its_caller(self) -> None:
        batch: Batch[str, int] = Batch(["first", "second", "third"])
        batch.succeed(begun(batch), 1)
        second = begun(batch)
        batch.cancel()
        assert states(batch) == ["done", "running", "cancelled"]
        batch.fail(second, Cancelled())
        assert (states(batch), batch.begin()) == (["done", "cancelled", "cancelled"], None)

    def test_each_change_is_told(self) -> None:
        told: list[tuple[str, State]] = []
        batch: Batch[str, int] = Batch(["first", "second"], lambda entry: told.append((entry.task, entry.state)))
        batch.succeed(begun(batch), 1)
        batch.cancel()
        assert told == [("first", State.RUNNING), ("first", State.DONE), ("second", State.CANCELLED)]

    def test_two_equal_scans_are_two_entries(self) -> None:
        batch: Batch[str, int] = Batch(["same", "same"])
        batch.succeed(begun(batch), 1)
        assert batch.place(begun(batch)) == (2, 2)


def test_the_time_left_follows_from_the_scans_that_have_ended() -> None:
    """A skipped scan took no time, and says nothing of how long the others take."""
    times = iter([0.0, 10.0, 10.0, 16.0, 20.0])
    batch: Batch[int, int] = Batch([1, 2, 3, 4, 5], clock=times.__next__)
    batch.skip(batch.entries[0])
    assert batch.seconds_left is None
    batch.succeed(begun(batch), 1)  # 10 s
    batch.fail(begun(batch), ScanError("The scan is damaged.", "Copy it again."))  # 6 s
    assert [entry.seconds for entry in batch.entries[:3]] == [None, 10.0, 6.0]
    assert batch.seconds_left == pytest.approx(16.0)  # two scans of 8 s each
    batch.begin()
    assert batch.seconds_left == pytest.approx(16.0)


def begun(batch: Batch) -> Entry:
    entry = batch.begin()
    assert entry
    return entry
