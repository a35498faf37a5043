"""Several scans, one after the other, in the warm worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

import qt
import slicer
from flareseg.core.errors import Cancelled, FlareError, bad_scan
from flareseg.worker.events import Stage
from slicer.i18n import tr as _

from ..explained import explained
from ..signals import Signal
from .segmenter import SegmentationRun


class CaseState(Enum):
    """How far a scan of the queue is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    def label(self) -> str:
        return {
            "waiting": _("waiting"),
            "running": _("running"),
            "done": _("done"),
            "failed": _("failed"),
            "cancelled": _("cancelled"),
        }[self.value]


@dataclass
class Case:
    """One scan of the queue: its state, wall-clock seconds, and its result or why there is none."""

    volumeNode: slicer.vtkMRMLScalarVolumeNode
    state: CaseState = CaseState.WAITING
    seconds: float | None = None
    result: slicer.vtkMRMLSegmentationNode | None = None
    error: FlareError | None = None


class StartRun(Protocol):
    """Begins to segment one scan; see FlareSegmentationLogic.start. May raise FlareError."""

    def __call__(
        self,
        volumeNode: slicer.vtkMRMLScalarVolumeNode,
        *,
        onProgress: Callable,
        onFinished: Callable,
        onFailed: Callable,
    ) -> SegmentationRun: ...


class ScanQueue:
    """``changed`` gives each case that got another state, ``progressed`` the stage of the running one."""

    def __init__(self) -> None:
        self.changed: Signal[Case] = Signal()
        self.progressed: Signal[Stage] = Signal()
        self.ended: Signal[[]] = Signal()
        self.cases: list[Case] = []
        self.active = False
        self._start: StartRun | None = None
        self._run: SegmentationRun | None = None
        self._startedAt = 0.0

    def place(self, case: Case) -> tuple[int, int]:
        """Which of how many a case is, from 1."""
        return self.cases.index(case) + 1, len(self.cases)

    def start(self, volumeNodes: Sequence[slicer.vtkMRMLScalarVolumeNode], startRun: StartRun) -> None:
        """Returns at once; a scan that fails does not keep the others from being segmented."""
        self.cases = [Case(node) for node in volumeNodes]
        self._start = startRun
        self.active = True
        for case in self.cases:
            self.changed.emit(case)
        self._later()

    def cancel(self) -> None:
        """Stop the scan at work and leave out those that wait."""
        for case in self._waiting():
            self._set(case, CaseState.CANCELLED)
        if self._run and self._run.active:
            self._run.cancel()

    def close(self) -> None:
        """Cancel, and tell of nothing more."""
        self.cancel()
        self.changed, self.progressed, self.ended = Signal(), Signal(), Signal()

    def _waiting(self) -> list[Case]:
        return [case for case in self.cases if case.state is CaseState.WAITING]

    def _later(self) -> None:
        """By way of the event loop: a thousand scans that fail at once are not a thousand calls deep."""
        qt.QTimer.singleShot(0, self._next)

    def _next(self) -> None:
        waiting = self._waiting()
        if not waiting:
            self.active, self._run = False, None
            self.ended.emit()
            return
        self._begin(waiting[0])

    def _begin(self, case: Case) -> None:
        self._startedAt = time.monotonic()
        self._set(case, CaseState.RUNNING)
        try:
            if case.volumeNode.GetScene() is None:
                raise bad_scan(_("The scan was deleted."), "")
            assert self._start
            self._run = self._start(
                case.volumeNode,
                onProgress=self.progressed.emit,
                onFinished=lambda node, _report: self._onFinished(case, node),
                onFailed=lambda error: self._onFailed(case, error),
            )
        except Exception as error:  # whatever it is, the other scans have to go on
            self._onFailed(case, explained(error))

    def _onFinished(self, case: Case, node: slicer.vtkMRMLSegmentationNode) -> None:
        case.result = node
        case.seconds = time.monotonic() - self._startedAt
        self._set(case, CaseState.DONE)
        self._later()

    def _onFailed(self, case: Case, error: FlareError) -> None:
        case.error = error
        case.seconds = time.monotonic() - self._startedAt
        self._set(case, CaseState.CANCELLED if isinstance(error, Cancelled) else CaseState.FAILED)
        self._later()

    def _set(self, case: Case, state: CaseState) -> None:
        case.state = state
        self.changed.emit(case)
