"""The run of an archive: what the source holds, every case that has no row yet, and the table at the end."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from distributed import Client

from flareseg.archive.attempt import AttemptEnd, AttemptOutcome
from flareseg.archive.cases import ArchiveCase
from flareseg.archive.cluster import check_workers, local_client, remote_client, this_computer
from flareseg.archive.discovery import cases_in, discover
from flareseg.archive.html_report import write_report
from flareseg.archive.job import ArchiveJob, SegmentArchive
from flareseg.archive.source import root_of
from flareseg.archive.table import write_tables
from flareseg.archive.window import Window, is_connected
from flareseg.archive.worker import ArchivePlugin, do_case, opening_error
from flareseg.core.errors import FlareError, JobError, OutputError, WorkerError, error_of_kind, unexpected
from flareseg.io.ledger import ResultLedger, ResultRow
from flareseg.io.ledger_lock import Hold
from flareseg.io.outputs import remove_unfinished
from flareseg.io.result_row import FAILED

_ENDED, _NEW, _AGAIN = range(3)


@dataclass
class ArchiveCounts:
    """``searched``: folders looked through. ``total``: cases of the source; ``faults``: what is none because it could
    not be read. ``before``: cases that had ended before this call; ``states``: of this call. ``table``: the states of
    all rows, at the end. ``seconds``: since the first case was begun.
    """

    searched: int = 0
    total: int = 0
    faults: int = 0
    before: int = 0
    states: Counter[str] = field(default_factory=Counter)
    table: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def ended(self) -> int:
        return self.before + sum(self.states.values())

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds to the end; None before the first case has ended."""
        done = sum(self.states.values())
        return (self.total - self.ended) * self.seconds / done if done else None


OnChange = Callable[[ArchiveCounts], object]


@dataclass(frozen=True)
class Driver:
    """``connect``: gives a client of the cluster. ``resources``: what a case takes of a worker. ``retry``: do cases
    again that failed in an earlier call. ``on_change`` is called with the counts after each case, ``on_search``
    after each folder of the source. ``ends_workers``: whether the workers have ended when the client has.
    """

    job: ArchiveJob
    connect: Callable[[], AbstractContextManager[Client]]
    resources: dict[str, float] | None = None
    retry: bool = False
    on_change: OnChange = lambda counts: None
    on_search: OnChange = lambda counts: None
    ends_workers: bool = True

    @classmethod
    def of(
        cls, job: SegmentArchive, workers: int | None, scheduler: str | None, retry: bool, on_change: OnChange
    ) -> Driver:
        """The driver of a job on this computer, or on the cluster of the ``scheduler`` at an address.

        Raises FlareError for what cannot be run.
        """
        weights = job.weights and job.weights.resolve()
        job = replace(job, source=root_of(job.source), output=job.output.resolve(), weights=weights)
        if job.output == job.source:
            raise OutputError("Source and output are the same folder.", "Give another folder for the results.")
        if scheduler:
            if workers:
                raise JobError("The workers of a scheduler are not started here.", "Leave out --workers.")
            resources = {"GPU": 1.0} if job.device == "cuda" else None
            connect = partial(remote_client, scheduler)
            return cls(job, connect, resources, retry, on_change, on_change, ends_workers=False)
        local = this_computer(workers, job.device)
        job = replace(job, threads=local.threads, ram_mb=local.ram_mb)
        return cls(job, partial(local_client, local), local.resources, retry, on_change, on_change)

    def run(self, source: Path) -> ArchiveCounts:
        """Do every case of the source that has no row. An interruption loses nothing but the cases at work.

        Raises FlareError: nothing to do, another call at work on the output folder, a cluster that does not answer,
        networks that cannot be loaded, a disk that is full.
        """
        ledger = ResultLedger(self.job.output)
        counts = ArchiveCounts()
        with (
            ledger.lock() as hold,
            _tables(ledger, counts),
            contextlib.ExitStack() as after,
            self.connect() as client,
            _opened(client, self.job, self.resources),
        ):
            self._search(source, ledger, client, counts)
            window = Window(client, self.resources)
            after.callback(_withdraw, ledger, window)  # when the workers have ended
            repeated: set[str] = set()
            if self.ends_workers:
                after.callback(_remove_unfinished, ledger.output, repeated, window)
            try:
                self._do_cases(ledger, window, counts, repeated, hold)
            finally:
                window.cancel()
        return counts

    def _search(self, source: Path, ledger: ResultLedger, client: Client, counts: ArchiveCounts) -> None:
        def count() -> None:
            counts.searched += 1
            self.on_search(counts)

        window = Window(client, most_lost=0)  # else a folder that ends every process would end dozens
        census = discover(source, ledger, window.map, count)
        counts.total, counts.faults = census.cases, census.faults

    def _do_cases(
        self, ledger: ResultLedger, window: Window, counts: ArchiveCounts, repeated: set[str], hold: Hold
    ) -> None:
        """``repeated``: receives the targets of cases that took more than one attempt."""
        due = bytearray(self._due(ledger.row(case.key), case) for case in cases_in(ledger))
        counts.before = due.count(_ENDED)
        waiting = _waiting(ledger, due)
        begun = time.monotonic()
        for case, answer in window.map(do_case, waiting, lambda outcome: outcome.ending is AttemptEnd.AGAIN):
            hold.check()
            if isinstance(answer, FlareError):
                raise answer
            if isinstance(answer, Exception):
                raise WorkerError(f"{case.name}: {unexpected(answer)}", "Run the same command again.") from answer
            if answer.ending is AttemptEnd.STOP:
                raise _stopped(answer)
            if answer.attempts > 1:
                repeated.add(case.target)
            counts.states[answer.state] += 1
            counts.seconds = time.monotonic() - begun
            self.on_change(counts)

    def _due(self, row: ResultRow | None, case: ArchiveCase) -> int:
        """Whether a case has ended: not without a row, nor when images of its series have come or gone since."""
        if row is None:
            return _NEW
        has_changed = row.get("images", case.images) != case.images
        return _AGAIN if has_changed or (self.retry and row.get("state") == FAILED) else _ENDED


def _stopped(outcome: AttemptOutcome) -> FlareError:
    """The error of an attempt that stops the run."""
    error = outcome.error or OutputError("Results cannot be written.")
    return error_of_kind(error.kind, str(error), "Then run the same command again; it goes on from here.")


def _waiting(ledger: ResultLedger, due: bytearray) -> Iterator[ArchiveCase]:
    """The cases to do."""
    for case, state in zip(cases_in(ledger), due):
        if state == _AGAIN:
            ledger.forget(case.key)
        if state != _ENDED:
            yield case


@contextlib.contextmanager
def _tables(ledger: ResultLedger, counts: ArchiveCounts) -> Iterator[None]:
    """Table and report page are written when the block ends; only the table by an interruption, none on a full disk."""
    try:
        yield
    except OutputError:
        raise
    except BaseException:
        with contextlib.suppress(OutputError):  # what interrupted the run is to be told
            counts.table = write_tables(ledger)
        raise
    counts.table = write_tables(ledger)
    write_report(ledger.output)


@contextlib.contextmanager
def _opened(client: Client, job: ArchiveJob, resources: dict[str, float] | None) -> Iterator[None]:
    """The networks are loaded in every worker process, and are gone when the block ends. Raises FlareError."""
    check_workers(client, resources)
    client.register_plugin(ArchivePlugin(job))
    try:
        for error in filter(None, client.run(opening_error).values()):
            raise error
        yield
    finally:
        if is_connected(client):
            client.unregister_worker_plugin(ArchivePlugin.name)


def _withdraw(ledger: ResultLedger, window: Window) -> None:
    """Take back the attempts of cases that were at work when the run was interrupted: that was not their fault."""
    for case in window.items:
        with contextlib.suppress(OutputError):
            if ledger.row(case.key) is None:
                ledger.withdraw(case.key)


def _remove_unfinished(output: Path, repeated: set[str], window: Window) -> None:
    """Remove what processes that were killed left of files that they were writing. No other process writes now."""
    for folder in {(output / target).parent for target in (*repeated, *(case.target for case in window.items))}:
        with contextlib.suppress(OutputError):  # a folder that was never made
            remove_unfinished(folder)
