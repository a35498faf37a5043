"""The whole benchmark: which jobs, in which order, and what became of each."""

from __future__ import annotations

import itertools
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from flareseg.benchmark.budget import Budget
from flareseg.benchmark.catalogue import FLARE21, METHODS, MIRRORED, NNUNET, OURS, PROTOCOLS, WARM
from flareseg.benchmark.job import CONTEXT, MACHINE, Account, Job
from flareseg.benchmark.results import Results, Row, mirrored, row_of, warm_of
from flareseg.benchmark.scans import IN_PLANE, Source, write_with_slices
from flareseg.benchmark.watch import DeviceLevel, TimeIsUp, Watched, run_watched
from flareseg.core.errors import GpuUnavailableError, InternalError

SLICES = (80, 160, 320, 640, 1000)
MINUTES = 9.0
REPEATS = 5
_MACHINE_SECONDS = 180.0
_SIGKILL = 9  # Windows has no name for it


@dataclass(frozen=True)
class Plan:
    """What to compare. ``device``: "auto", "cpu" or "cuda"; ``scan``: a CT to make the scans of, or None."""

    protocols: Sequence[str] = tuple(PROTOCOLS)
    methods: Sequence[str] = tuple(METHODS)
    slices: Sequence[int] = SLICES
    device: str = "auto"
    scan: Path | None = None
    repeats: int = REPEATS
    minutes: float = MINUTES
    in_plane: int = IN_PLANE

    def jobs(self, devices: Sequence[str]) -> Iterator[tuple[Job, int]]:
        """Jobs with their slices, the cheapest first: what time runs out for is what costs most.

        Where the GPU is measured, the CPU is for ours alone.
        """
        every = itertools.product(self.slices, self.protocols, devices, self.methods)
        by_cost = sorted(every, key=lambda each: METHODS[each[3]].weight * each[0])
        for slices, protocol, device, method in by_cost:
            if device == devices[0] or method == OURS.key:
                yield Job(protocol, device, method, repeats=self.repeats), slices


class Observer(Protocol):
    """Is told how the benchmark goes."""

    def begin(self, what: str) -> None:
        """A job or a preparation begins."""

    def alive(self, seconds: float) -> None:
        """It has been going on for so long."""

    def done(self, row: Row, position: int, total: int) -> None:
        """A row is there, the ``position``-th of ``total``."""


class Benchmark:
    """Runs a plan in a private folder that is always removed."""

    def __init__(self, plan: Plan, observer: Observer) -> None:
        self._plan = plan
        self._observer = observer
        self._budget = Budget(plan.minutes)

    def run(self) -> Results:
        """Raises FlareError for a scan or a device that cannot be used; a method's failure is a row of its own."""
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="flareseg-benchmark-") as folder:
            scans = _Scans(Path(folder), Source.of(self._plan.scan), self._plan.in_plane, self._observer.begin)
            bench = _Bench(Path(folder), self._budget, self._observer)
            machine = bench.machine(self._plan.device)
            results = Results(machine, scans.source.about, self._plan.in_plane)
            jobs = list(self._plan.jobs(list(machine["floors"])))
            for position, (job, slices) in enumerate(jobs, 1):
                results.rows.append(_told_already(job, slices, results) or bench.row(job, slices, scans))
                self._observer.done(results.rows[-1], position, len(jobs))
        results.rows.sort(key=_place)
        results.minutes = (time.monotonic() - start) / 60
        return results


def _told_already(job: Job, slices: int, results: Results) -> Row | None:
    """A row that follows from another one, where a network was sampled: warm from cold, mirrored from not mirrored."""

    def found(protocol: str, method: str) -> Row | None:
        wanted = (protocol, method, job.device, slices)
        rows = [row for row in results.rows if (row.protocol, row.method, row.device, row.slices) == wanted]
        return next((row for row in rows if row.extrapolated), None)

    if job.method == MIRRORED.key and (row := found(job.kind, NNUNET.key)):
        return mirrored(row, job.method)
    if job.kind == WARM and (row := found(FLARE21, job.method)):
        return warm_of(row)
    return None


def _place(row: Row) -> tuple[object, ...]:
    return (row.protocol, row.device != "cuda", row.slices, METHODS[row.method].weight)


class _Scans:
    """Files of the scans, each made when it is first asked for."""

    def __init__(self, folder: Path, source: Source, in_plane: int, begin: Callable[[str], None]) -> None:
        self._folder, self._in_plane, self._begin = folder, in_plane, begin
        self.source = source

    def with_slices(self, slices: int) -> Path:
        path = self._folder / f"scan_{slices}.nii.gz"
        if not path.exists():
            self._begin(f"making a scan of {slices} slices")
            write_with_slices(path, self.source.volume, slices, self._in_plane)
        return path


class _Bench:
    """Runs single jobs, each in a process of its own, as long as there is time."""

    def __init__(self, folder: Path, budget: Budget, observer: Observer) -> None:
        self._folder, self._budget, self._observer = folder, budget, observer
        self._gpu: DeviceLevel | None = None
        self._context: list[float] = []

    def machine(self, device: str) -> dict[str, Any]:
        """Facts of the machine; from here on its GPU is watched. Raises GpuUnavailableError."""
        self._observer.begin("looking at the machine")
        try:
            _, account = self._run(Job(MACHINE, device))
            if account.problem:
                raise (GpuUnavailableError if device == "cuda" else InternalError)(account.problem)
            if account.facts["gpu"]:
                self._watch(account.facts["gpu"])
        except TimeIsUp:
            raise InternalError("This computer is too busy to be measured.", "End other programs.") from None
        return account.facts

    def row(self, job: Job, slices: int, scans: _Scans) -> Row:
        """The job's row, also where it fails or is not begun."""
        row = Row(job.kind, job.method, job.device, slices)
        kind = (job.kind, job.method, job.device)
        if problem := METHODS[job.method].missing or self._budget.refusal(kind, slices):
            return replace(row, problem=problem)
        scan = scans.with_slices(slices)
        self._observer.begin(f"{METHODS[job.method].title}, {slices} slices, {job.kind}, {job.device}")
        try:
            output = self._folder / "labels.nii.gz"
            watched, account = self._run(replace(job, scan=str(scan), output=str(output)))
        except TimeIsUp:
            return replace(row, problem="stopped: no time was left (--minutes gives more)")
        if not account.problem:
            self._budget.remember(kind, slices, watched.seconds)
        return row_of(job, slices, watched, account, self._context)

    def _watch(self, gpu: dict[str, Any]) -> None:
        import pynvml

        try:
            self._gpu = DeviceLevel(gpu["uuid"])
        except pynvml.NVMLError:  # a slice of a GPU: its level cannot be seen from outside
            return
        self._context = self._run(Job(CONTEXT, "cuda"))[0].gpu_mib

    def _run(self, job: Job) -> tuple[Watched, Account]:
        """Raises TimeIsUp."""
        name = secrets.token_hex(4)
        asked, told, log = (self._folder / f"{name}.{kind}" for kind in ("job", "account", "log"))
        job.save(asked)
        command = [sys.executable, "-m", "flareseg.benchmark.child", str(asked), str(told)]
        limit = self._budget.left if job.method else _MACHINE_SECONDS
        watched = run_watched(command, log, limit, self._gpu, self._observer.alive)
        if told.exists():
            return watched, Account.load(told)
        return watched, Account(watched.started, problem=_why(watched.exit_code, log))


def _why(exit_code: int, log: Path) -> str:
    if exit_code == -_SIGKILL:
        return "ended by the system: the computer's memory ran out"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"ended with code {exit_code}"
