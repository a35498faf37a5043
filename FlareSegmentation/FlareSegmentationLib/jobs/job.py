"""One background job: sends a scan to the worker, follows its progress, cancels it, reads its labels."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import numpy as np
import qt
from flareseg.core.errors import Cancelled, FlareError, InsufficientMemoryError, OutputError, WorkerError, error_of_kind
from flareseg.core.geometry import Geometry
from flareseg.core.report import Report
from flareseg.worker.events import (
    CancelJob,
    DescribeJob,
    DeviceInfo,
    Failure,
    Idle,
    JobResult,
    SegmentJob,
    StageProgress,
    decode_event,
    encode,
)
from flareseg.worker.job_folder import JobFolder
from slicer.i18n import tr as _

from ..explained import explained
from ..signals import Signal
from .hand_over import HandOver

_LOOK_MS = 10  # between two looks at a scan that is being handed over
PATIENCE_SECONDS = 2.0  # for the worker to obey a cancel before it is killed


class LineProcess(Protocol):
    """What a runner needs of the worker's process; see process.WorkerProcess."""

    lineReceived: Signal[bytes]
    logged: Signal[str]
    ended: Signal[FlareError]

    @property
    def running(self) -> bool: ...
    def look(self) -> None: ...
    def start(self) -> None: ...
    def send(self, line: bytes) -> None: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


class Job:
    """One scan for the worker, with the private folder (mode 0700) that carries voxels and labels.

    Ends exactly once, by ``finished`` (labels: uint8 (k, j, i), and the report) or by ``failed``.
    Its folder is gone by then; ``uncertainty`` is uint8 (k, j, i) in percent where it was asked for.
    The voxels are not copied: ``isUnchanged`` tells whether they are still those of the beginning.
    Making one raises OutputError when the folder cannot be made.
    """

    def __init__(
        self,
        voxels: np.ndarray,
        geometry: Geometry,
        device: str = "auto",
        roi: list[float] | None = None,
        temporaryFolder: str | None = None,
        splitKidneys: bool = False,
        cleanUp: str = "normal",
        uncertainty: bool = False,
        precision: str = "auto",
        isUnchanged: Callable[[], bool] = lambda: True,
        organs: Sequence[str] | None = None,
        borders: str = "guided",
        huGate: bool = True,
        network: str = "cascade",
        weights: str | None = None,
    ) -> None:
        self.progressed: Signal[StageProgress] = Signal()
        self.finished: Signal[np.ndarray, Report] = Signal()
        self.failed: Signal[FlareError] = Signal()
        self.uncertainty: np.ndarray | None = None
        self._shape = voxels.shape
        self._voxels: np.ndarray | None = voxels
        self._isUnchanged = isUnchanged
        self._handOver: HandOver | None = None
        self._folder = folder = newFolder(temporaryFolder)
        self._folderRemoval = weakref.finalize(self, folder.remove)  # of a job that is dropped before its end
        self.request = SegmentJob(
            id=uuid4().hex,
            scan=str(folder.scan),
            geometry=geometry.to_json(),
            labels=str(folder.labels),
            device=device,
            roi=roi,
            split_kidneys=splitKidneys,
            clean_up=cleanUp,
            borders=borders,
            hu_gate=huGate,
            uncertainty=str(folder.uncertainty) if uncertainty else None,
            precision=precision,
            organs=None if organs is None else list(organs),
            network=network,
            weights=weights,
            temporary=True,
        )

    def handOver(self) -> None:
        """Begin to write the scan for the worker."""
        if self._voxels is not None:
            self._handOver = HandOver(self.request.scan, self._voxels, self._isUnchanged)

    def isHandedOver(self) -> bool:
        """Whether the worker can read the scan. Raises FlareError when that will never be so."""
        try:
            isDone = self._handOver is not None and self._handOver.isDone()
        except OSError as error:
            raise _notHandedOver(error) from error
        if isDone:
            self._voxels = None
        return isDone

    def stopHandingOver(self) -> None:
        if self._handOver:
            self._handOver.stop()

    def succeed(self, result: JobResult) -> None:
        try:
            labels = self._read(result.labels)
            if self.request.uncertainty:
                self.uncertainty = self._read(self.request.uncertainty)
            report = Report.from_json(result.report)
        except Exception as error:  # whatever it is, the job has to end
            self.fail(_unreadable(error))
            return
        self._removeFolder()
        self.finished.emit(labels, report)

    def fail(self, error: FlareError) -> None:
        self._removeFolder()
        self.failed.emit(error)

    def _read(self, path: str) -> np.ndarray:
        array: np.ndarray = np.load(path, allow_pickle=False)
        if array.dtype != np.uint8 or array.shape != self._shape:
            raise ValueError(f"the array is {array.dtype} {array.shape}, expected uint8 {self._shape}")
        return array

    def _removeFolder(self) -> None:
        if self._handOver:
            self._handOver.end()
        if not self._folder.remove():
            logging.warning("FlareSegmentation: could not remove the temporary folder %s", self._folder.path)
        self._folderRemoval.detach()


class JobRunner:
    """Runs one job at a time in a worker that stays warm in between.

    ``described`` answers ``describe``: the id it returned, and the device or why there is none. What a
    worker does not answer because it has just gone idle is sent to a new one.
    """

    def __init__(self, process: LineProcess, patienceSeconds: float = PATIENCE_SECONDS) -> None:
        self.logged: Signal[str] = Signal()
        self.described: Signal[str, DeviceInfo | FlareError] = Signal()
        self.process = process
        self.process.lineReceived.connect(self._onLine)
        self.process.logged.connect(self.logged.emit)
        self.process.ended.connect(self._onProcessEnded)
        self._job: Job | None = None
        self._isSent = False
        self._reason: FlareError | None = None
        self._questions: dict[str, DescribeJob] = {}
        self._isWorkerLeaving = False
        self._handingOver = qt.QTimer()
        self._handingOver.setInterval(_LOOK_MS)
        self._handingOver.connect("timeout()", self._onHandingOver)
        self._patience = qt.QTimer()
        self._patience.setSingleShot(True)
        self._patience.setInterval(round(patienceSeconds * 1000))
        self._patience.connect("timeout()", self.process.kill)

    @property
    def busy(self) -> bool:
        return self._job is not None

    def refuseWhenBusy(self) -> None:
        """Raise WorkerError while a job is in progress."""
        if self.busy:
            raise WorkerError(
                _("A segmentation is already running."),
                _("Wait until it is done or cancel it, then try again."),
            )

    def start(self, job: Job) -> None:
        """Start a job, which answers by its signals, possibly before this returns. Raises FlareError when busy."""
        self.refuseWhenBusy()
        self.process.look()
        self._job, self._isSent = job, False
        self.process.start()
        if self._job is job:  # a process that cannot even be started may have ended it by now
            job.handOver()
            self._handingOver.start()

    def describe(self, device: str) -> str:
        """Ask what a choice of device means, which also starts the worker. Never waits; returns an id."""
        question = DescribeJob(uuid4().hex, device)
        self._questions[question.id] = question
        self.process.look()
        self.process.start()
        if self.process.running:
            self.process.send(encode(question))
        return question.id

    def cancel(self, reason: FlareError | None = None) -> None:
        """End the job in progress, if any, with ``reason``. A worker that does not obey is killed."""
        if self._job is None or self._reason is not None:
            return
        self._reason = reason or Cancelled()
        if self._isSent:
            self.process.send(encode(CancelJob(self._job.request.id)))
            self._patience.start()
        else:
            self._job.stopHandingOver()

    def close(self) -> None:
        """End the job and the worker, now: the worker first, which maps the files that the job removes."""
        if self._job and not self._reason:
            self._reason = Cancelled()
        self._questions.clear()
        self.process.stop()
        self._fail(Cancelled())

    def _onHandingOver(self) -> None:
        assert self._job
        try:
            if not self._job.isHandedOver():
                return
        except Exception as error:  # whatever it is, the job has to end
            self._fail(explained(error))
            return
        self._handingOver.stop()
        if self._reason is not None:
            self._fail(self._reason)
            return
        self._isSent = True
        self.process.send(encode(self._job.request))

    def _onLine(self, line: bytes) -> None:
        try:
            event = decode_event(line)
        except FlareError:
            self.logged.emit(line.decode("utf-8", errors="replace"))
            return
        if isinstance(event, Idle):
            self._isWorkerLeaving = True
        if isinstance(event, DeviceInfo):
            self._questions.pop(event.id, None)
            self.described.emit(event.id, event)
        if isinstance(event, Failure):
            self._questions.pop(event.id or "", None)
            self.described.emit(event.id or "", error_of_kind(event.kind, event.message, event.hint))
            if event.details:
                self.logged.emit(event.details)
        if self._job is None or getattr(event, "id", None) != self._job.request.id:
            return
        if isinstance(event, StageProgress):
            self._job.progressed.emit(event)
        elif isinstance(event, Failure):
            self._fail(error_of_kind(event.kind, event.message, event.hint))
        elif isinstance(event, JobResult):
            self._succeed(event)

    def _onProcessEnded(self, reason: FlareError) -> None:
        questions, wasLeaving = list(self._questions.values()), self._isWorkerLeaving
        self._questions, self._isWorkerLeaving = {}, False
        if wasLeaving and self._reason is None:
            self._sendAgain(questions)
        else:
            self._fail(reason)

    def _sendAgain(self, questions: list[DescribeJob]) -> None:
        requests: list[DescribeJob | SegmentJob] = [*questions]
        if self._job and self._isSent:
            requests.append(self._job.request)
        if requests or self._job:
            self._questions = {question.id: question for question in questions}
            self.process.start()
        for request in requests:
            self.process.send(encode(request))

    def _succeed(self, result: JobResult) -> None:
        if self._reason is not None:  # it was ready just as it was cancelled
            self._fail(self._reason)
        elif job := self._release():
            job.succeed(result)

    def _fail(self, error: FlareError) -> None:
        reason = self._reason or error
        if job := self._release():
            job.fail(reason)

    def _release(self) -> Job | None:
        """Return the job in progress; from now on the runner is free for another one."""
        job, self._job, self._reason = self._job, None, None
        self._patience.stop()
        self._handingOver.stop()
        return job


def checkTemporaryFolder(path: str) -> None:
    """Raises OutputError when it does not exist."""
    if not Path(path).is_dir():
        raise OutputError(
            _("Slicer's temporary folder {folder} does not exist.").format(folder=path),
            _("Create it, or choose another one in Slicer's application settings."),
        )


def newFolder(parent: str | None) -> JobFolder:
    """Raises OutputError."""
    if parent is not None:
        checkTemporaryFolder(parent)
    try:
        return JobFolder.make(parent)
    except OSError as error:
        raise _notHandedOver(error) from error


def _notHandedOver(error: OSError) -> OutputError:
    return OutputError(
        _("The scan could not be handed to the engine: {why}.").format(why=error.strerror),
        _("Free some disk space, or choose another temporary folder in Slicer's application settings."),
    )


def _unreadable(error: Exception) -> FlareError:
    if isinstance(error, MemoryError):
        return InsufficientMemoryError(
            _("There is not enough memory to load the result."),
            _("Close other scans or programs, then try again."),
        )
    logging.error("FlareSegmentation: the engine's answer could not be read", exc_info=error)
    return WorkerError(
        _("The engine's answer could not be read: {why}.").format(why=error),
        _("Restart Slicer and try again."),
    )
