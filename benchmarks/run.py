"""The benchmark run: its jobs, their order, and the result of each."""

from __future__ import annotations

import itertools
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flareseg.core.errors import InternalError, error_of_kind

from benchmarks.budget import Budget
from benchmarks.job import CONTEXT, MACHINE, Account, ChildJob, load_account, save
from benchmarks.methods import FLARE21, METHODS, OURS, PROTOCOLS, WARM
from benchmarks.results import Results, row_of, warm_of_cold
from benchmarks.row import Row
from benchmarks.scans import BaseScan, write_with_slices
from benchmarks.watch import DeviceLevel, TimeIsUp, Watched, run_watched

SLICES = (80, 160, 320, 640, 1000)
MINUTES = 9.0
REPEATS = 5
_REPOSITORY = Path(__file__).resolve().parents[1]
_MACHINE_SECONDS = 180.0
_SIGKILL = 9  # Windows has no name for it


@dataclass(frozen=True)
class BenchmarkPlan:
    """What to compare. ``device``: "auto", "cpu" or "cuda"."""

    protocols: Sequence[str] = tuple(PROTOCOLS)
    methods: Sequence[str] = tuple(METHODS)
    slices: Sequence[int] = SLICES
    device: str = "auto"
    repeats: int = REPEATS
    minutes: float = MINUTES

    def jobs(self, devices: Sequence[str]) -> Iterator[ChildJob]:
        """The cheapest jobs first: what time runs out for is what costs most.

        Where the GPU is measured, the CPU is for ours alone.
        """
        every = itertools.product(self.slices, self.protocols, devices, self.methods)
        for slices, protocol, device, method in sorted(every, key=lambda each: METHODS[each[3]].cost * each[0]):
            if device == devices[0] or method == OURS:
                yield ChildJob(protocol, device, method, slices, repeats=self.repeats)


class Benchmark:
    """Runs a plan, each job in a process of its own, its files in a private folder."""

    def __init__(self, plan: BenchmarkPlan, source: BaseScan, folder: Path, say: Callable[[str], None]) -> None:
        """``say`` is told what is going on."""
        self._plan, self._source, self._folder, self._say = plan, source, folder, say
        self._budget = Budget(plan.minutes)
        self._sampled: dict[tuple[str, str, int], tuple[Account, Watched]] = {}
        self._gpu: DeviceLevel | None = None
        self._context: list[float] = []

    def run(self, done: Callable[[Row, int, int], None]) -> Results:
        """All rows; ``done`` is told each with its position and their number.

        A method that fails, or for which no time is left, has a row that says so.

        Raises:
            FlareError: "no_gpu" when a GPU is asked for and cannot be used.
        """
        begun = time.monotonic()
        machine = self._machine()
        results = Results(machine, self._source.about)
        jobs = list(self._plan.jobs(list(machine["floors"])))
        for position, job in enumerate(jobs, 1):
            results.rows.append(self._row(job))
            done(results.rows[-1], position, len(jobs))
        results.rows.sort(key=_place)
        results.minutes = (time.monotonic() - begun) / 60
        return results

    def _machine(self) -> dict[str, Any]:
        """Facts of the machine; from here on its GPU is watched."""
        self._say("looking at the machine")
        try:
            account, _ = self._child(ChildJob(MACHINE, self._plan.device), _MACHINE_SECONDS)
            if account.row.problem:
                raise error_of_kind("no_gpu" if self._plan.device == "cuda" else "internal", account.row.problem)
            if account.facts["gpu"]:
                self._watch(account.facts["gpu"])
        except TimeIsUp:
            raise InternalError("This computer is too busy to be measured.", "End other programs.") from None
        return account.facts

    def _watch(self, gpu: dict[str, Any]) -> None:
        import pynvml

        try:
            self._gpu = DeviceLevel(gpu["uuid"])
        except pynvml.NVMLError:  # a slice of a GPU: its level cannot be seen from outside
            return
        self._context = self._child(ChildJob(CONTEXT, "cuda"), _MACHINE_SECONDS)[1].gpu_mib

    def _row(self, job: ChildJob) -> Row:
        """The job's row, also where it fails or is not begun."""
        row, kind = job.row, (job.method, job.device)
        if job.kind == WARM and (cold := self._sampled.get((job.method, job.device, job.slices))):
            return warm_of_cold(*cold)
        if problem := METHODS[job.method].missing or self._budget.refusal(kind, job.slices):
            return replace(row, problem=problem)
        scan = self._scan(job.slices)
        self._say(f"{METHODS[job.method].title}, {job.slices} slices, {job.kind}, {job.device}")
        try:
            account, watched = self._child(replace(job, scan=str(scan), labels=str(self._folder / "labels.nii.gz")))
        except TimeIsUp:
            return replace(row, problem="stopped: no time was left (--minutes gives more)")
        if not account.row.problem:
            self._budget.remember(kind, job.slices, watched.seconds)
        if job.kind == FLARE21 and account.row.extrapolated:
            self._sampled[job.method, job.device, job.slices] = (account, watched)
        return row_of(account, watched, self._context)

    def _scan(self, slices: int) -> Path:
        """The file of a scan, made when it is first asked for."""
        path = self._folder / f"scan_{slices}.nii.gz"
        if not path.exists():
            self._say(f"making a scan of {slices} slices")
            write_with_slices(path, self._source.volume, slices)
        return path

    def _child(self, job: ChildJob, limit_seconds: float | None = None) -> tuple[Account, Watched]:
        """Run a job in a process of its own. Raises TimeIsUp."""
        name = secrets.token_hex(4)
        asked, told, log = (self._folder / f"{name}.{kind}" for kind in ("job", "account", "log"))
        save(job, asked)
        command = [sys.executable, "-m", "benchmarks.child", str(asked), str(told)]
        limit = self._budget.left if limit_seconds is None else limit_seconds
        environment = {**os.environ, "TMPDIR": str(self._folder)}  # what libraries leave goes with the folder
        watched = run_watched(command, log, limit, self._gpu, cwd=_REPOSITORY, env=environment)
        if told.exists():
            return load_account(told), watched
        return Account(replace(job.row, problem=_why(watched.exit_code, log))), watched


def _why(exit_code: int, log: Path) -> str:
    if exit_code == -_SIGKILL:
        return "ended by the system: the computer's memory ran out"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1] if lines else f"ended with code {exit_code}"


def _place(row: Row) -> tuple[object, ...]:
    return (row.protocol, row.device != "cuda", row.slices, METHODS[row.method].cost)
