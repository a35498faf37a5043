"""What ends a case, what is tried again, and what stops the whole run."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
from flareseg.archive.attempt import AttemptEnd, AttemptOutcome, attempt
from flareseg.archive.cases import ArchiveCase, image_case
from flareseg.core.errors import GpuMemoryError, NoAbdomenError, OutputError, ScanError
from flareseg.io.ledger import ResultLedger, ResultRow
from flareseg.io.outputs import refusals_said

CASE = image_case("", "ct.nii.gz", "ct")


@pytest.fixture
def ledger(tmp_path: Path) -> ResultLedger:
    ledger = ResultLedger(tmp_path)
    ledger.prepare()
    return ledger


def ended_by(ledger: ResultLedger, error: Exception) -> AttemptOutcome:
    def work(case: ArchiveCase) -> ResultRow:
        with refusals_said(Path("ct-organs.nii.gz")):
            raise error

    return attempt(ledger, CASE, work)


def done(case: ArchiveCase) -> ResultRow:
    return {"key": case.key, "name": case.name, "state": "done", "seconds": 2.5}


def test_a_case_that_is_done_has_a_row_and_is_not_done_again(ledger: ResultLedger) -> None:
    first = attempt(ledger, CASE, done)
    assert (first.ending, first.state, first.seconds) == (AttemptEnd.ROW, "done", 2.5)
    assert ended_by(ledger, ScanError("It is damaged.")) == first
    assert ledger.row(CASE.key) == {**done(CASE), "attempts": 1}


@pytest.mark.parametrize(
    ("error", "state"), [(ScanError("It is damaged."), "failed"), (NoAbdomenError("None was found."), "nothing found")]
)
def test_errors_of_the_scan_end_the_case_at_once(error: Exception, state: str, ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, error)
    assert (outcome.ending, outcome.state) == (AttemptEnd.ROW, state)


@pytest.mark.parametrize("error", [RuntimeError("a crash"), GpuMemoryError("It is full."), MemoryError()])
def test_errors_that_may_pass_end_the_case_at_the_third_attempt(error: Exception, ledger: ResultLedger) -> None:
    endings = [ended_by(ledger, error).ending for _ in range(3)]
    assert endings == [AttemptEnd.AGAIN, AttemptEnd.AGAIN, AttemptEnd.ROW]
    row = ledger.row(CASE.key)
    assert row
    assert (row["state"], row["attempts"]) == ("failed", 3)


def test_a_case_whose_processes_ended_three_times_is_not_begun_again(ledger: ResultLedger) -> None:
    for _ in range(3):
        ledger.begin(CASE.key)
    outcome = attempt(ledger, CASE, done)
    row = ledger.row(CASE.key)
    assert row
    assert (outcome.state, row["error_kind"], row["attempts"]) == ("failed", "worker", 3)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
def test_a_disk_that_takes_nothing_stops_the_run_and_blames_no_scan(number: int, ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, OSError(number, "The disk says no"))
    assert outcome.ending is AttemptEnd.STOP
    assert outcome.message.startswith("ct-organs.nii.gz cannot be written: The disk says no.")
    assert ledger.row(CASE.key) is None
    assert ledger.begin(CASE.key) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENAMETOOLONG, "File name too long"), OutputError("It does not fit.")])
def test_a_result_that_can_never_be_written_fails_its_case_alone(error: Exception, ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, error)
    assert (outcome.ending, outcome.state) == (AttemptEnd.ROW, "failed")
