"""How far an archive is: counts, speed, time left and failures by kind, from the rows on disk."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timezone
from heapq import nlargest
from itertools import pairwise
from pathlib import Path

from flareseg.archive.discovery import count_cases, is_searching
from flareseg.core.errors import ScanError
from flareseg.io.ledger import LEDGER, ResultLedger
from flareseg.io.result_row import FAILED

_RECENT = 200  # cases from which the speed is computed
_LULL_SECONDS = 600.0  # without a case: the speed then is that of an earlier call


@dataclass(frozen=True)
class Status:
    """``total``: cases that the last look through the source found, which earlier results may exceed.
    ``is_searching``: a new look has not ended. ``failures``: count and one example (name and message) for each kind.
    ``per_hour`` is None before two cases.
    """

    total: int
    states: Counter[str]
    failures: dict[str, tuple[int, str, str]]
    per_hour: float | None
    is_running: bool
    is_searching: bool

    @property
    def waiting(self) -> int:
        return max(0, self.total - sum(self.states.values()))

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds to the end of a run that goes on."""
        if not self.is_running or not self.per_hour:
            return None
        return 3600 * self.waiting / self.per_hour


def status_of(output: Path) -> Status:
    """The status of an output folder. Raises ScanError for another folder."""
    if not (output / LEDGER).is_dir():
        raise ScanError(f"{output} is not the output folder of an archive.", "Give the OUT of flareseg archive.")
    ledger = ResultLedger(output)
    states: Counter[str] = Counter()
    failures: dict[str, tuple[int, str, str]] = {}
    times = []
    for row in ledger.rows():
        states[row["state"]] += 1
        times.append(_seconds(row.get("ended", "")))
        if row["state"] == FAILED:
            count, name, message = failures.get(row["error_kind"], (0, row["name"], row["error"]))
            failures[row["error_kind"]] = (count + 1, name, message)
    is_running = ledger.is_locked
    failures = dict(sorted(failures.items(), key=lambda item: -item[1][0]))
    return Status(
        count_cases(ledger), states, failures, _per_hour(times), is_running, is_running and is_searching(ledger)
    )


def _per_hour(times: list[float]) -> float | None:
    """Cases an hour, from the last ones that followed each other without a lull."""
    recent = nlargest(_RECENT, times)
    gaps = [n for n, (later, earlier) in enumerate(pairwise(recent)) if later - earlier > _LULL_SECONDS]
    recent = recent[: gaps[0] + 1] if gaps else recent
    seconds = recent[0] - recent[-1] if recent else 0.0
    return 3600 * (len(recent) - 1) / seconds if seconds > 0 else None


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return 0.0
