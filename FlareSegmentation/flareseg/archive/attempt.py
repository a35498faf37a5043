"""One attempt to do a case: counted before it begins, and ended by a row, by another attempt, or by a stop."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from flareseg.archive.cases import ArchiveCase
from flareseg.core.errors import FlareError, OutputError, WorkerError, unexpected
from flareseg.io.ledger import MOST_ATTEMPTS, ResultLedger, ResultRow
from flareseg.io.result_row import FAILED, failed_row

_OF_THE_CASE = {errno.ENAMETOOLONG, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EINVAL}
_MAY_PASS = {"internal", "memory", "gpu_memory"}  # kinds of errors that another attempt may not have


class AttemptEnd(str, Enum):
    """How an attempt ended. AGAIN: another one is due. STOP: no result can be written, whatever the scan."""

    ROW = "row"
    AGAIN = "again"
    STOP = "stop"


@dataclass(frozen=True)
class AttemptOutcome:
    """What became of an attempt: the ``state`` of the case's row, the seconds, a message for STOP, and how many
    attempts the case took."""

    key: str
    ending: AttemptEnd
    state: str = ""
    seconds: float = 0.0
    message: str = ""
    attempts: int = 1


def attempt(ledger: ResultLedger, case: ArchiveCase, work: Callable[[ArchiveCase], ResultRow]) -> AttemptOutcome:
    """Do a case by ``work``, which gives its row or raises, at most MOST_ATTEMPTS times over all calls and computers.

    A case that has a row is not done again: the process may have ended just after it had placed the row.
    """
    if row := ledger.row(case.key):
        return _ended(row)
    try:
        number = ledger.begin(case.key)
        row = _row(case, work, number) if number <= MOST_ATTEMPTS else failed_row(case.key, case.name, _fatal())
        if row is None:
            return AttemptOutcome(case.key, AttemptEnd.AGAIN)
        row = {**case.facts, **row, "attempts": min(number, MOST_ATTEMPTS)}
        ledger.place(row)
    except OutputError as error:
        ledger.withdraw(case.key)
        return AttemptOutcome(case.key, AttemptEnd.STOP, message=str(error))
    return _ended(row)


def _row(case: ArchiveCase, work: Callable[[ArchiveCase], ResultRow], number: int) -> ResultRow | None:
    """The row of a case; None where another attempt is due. Raises OutputError."""
    try:
        return work(case)
    except Exception as failure:  # whatever it is, it belongs to this case, and the others have to go on
        error: FlareError = unexpected(failure)
    if _is_of_the_disk(error):
        raise error
    if error.kind in _MAY_PASS and number < MOST_ATTEMPTS:
        return None
    return failed_row(case.key, case.name, error)


def _is_of_the_disk(error: FlareError) -> bool:
    """Whether no result can be written now, rather than just not this one, such as one whose name is too long."""
    cause = error.__cause__
    return isinstance(error, OutputError) and isinstance(cause, OSError) and cause.errno not in _OF_THE_CASE


def _ended(row: ResultRow) -> AttemptOutcome:
    seconds, attempts = row.get("seconds") or 0.0, row.get("attempts") or 1
    return AttemptOutcome(row["key"], AttemptEnd.ROW, row.get("state", FAILED), seconds, attempts=attempts)


def _fatal() -> WorkerError:
    return WorkerError(
        f"The process that worked on this scan was ended {MOST_ATTEMPTS} times "
        "(killed, out of memory, or by a crash in a library).",
        "Segment this scan by itself with flareseg segment, which shows more, on a computer with more memory.",
    )
