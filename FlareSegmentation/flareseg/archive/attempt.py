"""One attempt to do a case: counted before it begins, and ended by a row, by another attempt, or by a stop."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from flareseg.archive.cases import ArchiveCase
from flareseg.core.errors import FlareError, OutputError, ScanError, WorkerError, unexpected
from flareseg.io.ledger import MOST_ATTEMPTS, ResultLedger, ResultRow
from flareseg.io.result_row import FAILED, failed_row

_OF_THE_CASE = {errno.ENAMETOOLONG, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EINVAL}
_FULL = {errno.ENOSPC, errno.EDQUOT}
_MAY_PASS = {"internal", "memory", "gpu_memory"}  # kinds of errors that another attempt may not have


class SourceLost(ScanError):
    """The source cannot be reached from this computer, whatever the scan."""


class AttemptEnd(str, Enum):
    """How an attempt ended. AGAIN: another one is due. STOP: no scan can be read, or no result written."""

    ROW = "row"
    AGAIN = "again"
    STOP = "stop"


@dataclass(frozen=True)
class AttemptOutcome:
    """What became of an attempt: the ``state`` of the case's row, the error of a STOP, how many attempts it took."""

    key: str
    ending: AttemptEnd
    state: str = ""
    error: FlareError | None = None
    attempts: int = 1


def attempt(ledger: ResultLedger, case: ArchiveCase, work: Callable[[ArchiveCase], ResultRow]) -> AttemptOutcome:
    """Do a case by ``work``, which gives its row or raises, at most MOST_ATTEMPTS times over all calls and computers.

    A case that has a row is not done again: the process may have ended just after it had placed the row.
    """
    try:
        if row := ledger.row(case.key):
            return _ended(row)
        number = ledger.begin(case.key)
    except OutputError as error:
        return AttemptOutcome(case.key, AttemptEnd.STOP, error=error)
    try:
        row = _row(ledger, case, work, number) if number <= MOST_ATTEMPTS else failed_row(case.key, case.name, _fatal())
        if row is None:
            return AttemptOutcome(case.key, AttemptEnd.AGAIN)
        row = {**case.facts, **row, "attempts": min(number, MOST_ATTEMPTS)}
        ledger.place(row)
    except (OutputError, SourceLost) as error:
        with contextlib.suppress(OutputError):
            ledger.withdraw(case.key)
        return AttemptOutcome(case.key, AttemptEnd.STOP, error=error)
    return _ended(row)


def _row(
    ledger: ResultLedger, case: ArchiveCase, work: Callable[[ArchiveCase], ResultRow], number: int
) -> ResultRow | None:
    """The row of a case; None where another attempt is due. Raises OutputError and SourceLost."""
    try:
        return work(case)
    except Exception as failure:  # whatever it is, it belongs to this case, and the others have to go on
        error: FlareError = unexpected(failure)
    if isinstance(error, SourceLost) or _is_of_the_disk(error, ledger):
        raise error
    if _may_pass(error) and number < MOST_ATTEMPTS:
        return None
    return failed_row(case.key, case.name, error)


def _is_of_the_disk(error: FlareError, ledger: ResultLedger) -> bool:
    """Whether no result can be written now, rather than just not this one, which another program may hold open."""
    cause = error.__cause__
    if not isinstance(error, OutputError) or not isinstance(cause, OSError) or cause.errno in _OF_THE_CASE:
        return False
    return cause.errno in _FULL or not ledger.takes_files()


def _may_pass(error: FlareError) -> bool:
    """Also what the system refuses, be it to read a scan or to write a result."""
    cause = error.__cause__
    return error.kind in _MAY_PASS or (isinstance(cause, OSError) and cause.errno not in _OF_THE_CASE)


def _ended(row: ResultRow) -> AttemptOutcome:
    return AttemptOutcome(row["key"], AttemptEnd.ROW, row.get("state", FAILED), attempts=row.get("attempts") or 1)


def _fatal() -> WorkerError:
    return WorkerError(
        f"The process that worked on this scan was ended {MOST_ATTEMPTS} times "
        "(killed, out of memory, or by a crash in a library).",
        "Segment this scan by itself with flareseg segment, which shows more, on a computer with more memory.",
    )
