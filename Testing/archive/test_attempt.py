"""What ends a case, what is tried again, and what stops the whole run."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest
from flareseg.archive.attempt import AttemptEnd, AttemptOutcome, SourceLost, attempt
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
    assert (first.ending, first.state) == (AttemptEnd.ROW, "done")
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_stops_the_run_and_blames_no_scan(number: int, ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, OSError(number, "The disk says no"))
    assert outcome.ending is AttemptEnd.STOP
    assert str(outcome.error).startswith("ct-organs.nii.gz cannot be written: The disk says no.")
    assert ledger.row(CASE.key) is None
    assert ledger.begin(CASE.key) == 1


def test_a_disk_that_takes_nothing_stops_the_run_and_keeps_the_attempts_that_were_made(ledger: ResultLedger) -> None:
    ledger.begin(CASE.key)
    attempts = ledger.folder / "attempts" / CASE.key[:2]
    kept = attempts.rename(ledger.folder / "kept")
    attempts.write_text("not a folder")
    assert attempt(ledger, CASE, done).ending is AttemptEnd.STOP
    attempts.unlink()
    kept.rename(attempts)
    assert ledger.begin(CASE.key) == 2


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, None])
def test_a_result_that_is_refused_where_others_can_be_written_fails_its_case_alone(
    number: int | None, ledger: ResultLedger
) -> None:
    """As a file that another program holds open; a later attempt may find it closed."""
    error = OSError(number, "The disk says no") if number else OSError("The disk says no")
    endings = [ended_by(ledger, error).ending for _ in range(3)]
    assert endings == [AttemptEnd.AGAIN, AttemptEnd.AGAIN, AttemptEnd.ROW]


def test_a_result_that_is_refused_where_nothing_can_be_written_stops_the_run(ledger: ResultLedger) -> None:
    def work(case: ArchiveCase) -> ResultRow:
        shutil.rmtree(ledger.folder / "rows")
        with refusals_said(Path("ct-organs.nii.gz")):
            raise OSError(errno.EIO, "Input/output error")

    assert attempt(ledger, CASE, work).ending is AttemptEnd.STOP


def test_a_scan_that_the_system_refuses_to_read_is_tried_again(ledger: ResultLedger) -> None:
    error = ScanError("IM007.dcm cannot be read.")
    error.__cause__ = OSError(errno.EIO, "Input/output error")
    assert [ended_by(ledger, error).ending for _ in range(3)][1:] == [AttemptEnd.AGAIN, AttemptEnd.ROW]


def test_a_source_that_is_gone_stops_the_run_and_blames_no_scan(ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, SourceLost("The folder cannot be read."))
    assert (outcome.ending, str(outcome.error)) == (AttemptEnd.STOP, "The folder cannot be read.")
    assert ledger.row(CASE.key) is None
    assert ledger.begin(CASE.key) == 1


@pytest.mark.parametrize("error", [OSError(errno.ENAMETOOLONG, "File name too long"), OutputError("It does not fit.")])
def test_a_result_that_can_never_be_written_fails_its_case_alone(error: Exception, ledger: ResultLedger) -> None:
    outcome = ended_by(ledger, error)
    assert (outcome.ending, outcome.state) == (AttemptEnd.ROW, "failed")
