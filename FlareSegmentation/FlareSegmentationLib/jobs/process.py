"""The worker process as a QProcess that exchanges lines of bytes."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from flareseg.core.errors import FlareError, InsufficientMemoryError, WorkerError
from slicer.i18n import tr as _

from .. import settings
from ..signals import Signal

MODULE_FOLDER = Path(__file__).resolve().parents[2]
KILLED = 9  # SIGKILL, which Qt gives as the exit code of a process that it ended
GOODBYE_MS = 1000  # for a worker to end by itself once its stdin is closed


def workerCommand() -> list[str]:
    """Slicer's own Python running the engine. It ends when Slicer does, however Slicer ends.

    An unused worker ends after the idle time set in the panel, which gives the GPU back whole.
    At its start it removes what jobs of a Slicer that was killed left in the temporary folder.
    """
    python = shutil.which("PythonSlicer") or sys.executable
    options = ["--idle-seconds", str(60 * settings.keepWarmMinutes()), "--parent", str(os.getpid())]
    options += ["--sweep", slicer.app.temporaryPath]
    return [python, "-m", "flareseg.worker", *options]


class WorkerProcess:
    """Runs a command (program and arguments, asked for at each start); can be started again once it has ended.

    ``lineReceived`` gives each whole line of its stdout, ``logged`` text of its stderr, and
    ``ended`` the reason once it has gone, as the FlareError that a job in progress then fails with.
    """

    def __init__(self, command: Callable[[], list[str]]) -> None:
        self.lineReceived: Signal[bytes] = Signal()
        self.logged: Signal[str] = Signal()
        self.ended: Signal[FlareError] = Signal()
        self._command = command
        self._partialLine = b""
        self._process = qt.QProcess()
        self._process.setProcessChannelMode(qt.QProcess.SeparateChannels)
        self._process.connect("readyReadStandardOutput()", self._onOutput)
        self._process.connect("readyReadStandardError()", self._onLog)
        self._process.connect("finished(int,QProcess::ExitStatus)", self._onFinished)
        self._process.connect("errorOccurred(QProcess::ProcessError)", self._onError)

    @property
    def running(self) -> bool:
        return bool(self._process.state() != qt.QProcess.NotRunning)

    def look(self) -> None:
        """Notice an end that Qt has not told of yet: an idle worker ends while a script keeps Slicer busy."""
        if self.running:
            self._process.waitForFinished(0)

    def start(self) -> None:
        """Start the process unless it runs. A program that cannot be started emits ``ended``."""
        if self.running:
            return
        self._partialLine = b""
        self._process.setProcessEnvironment(_environment())
        self._process.setWorkingDirectory(str(MODULE_FOLDER))
        program, *arguments = self._command()
        self._process.start(program, arguments)

    def send(self, line: bytes) -> None:
        self._process.write(line)

    def stop(self) -> None:
        """Ask it to end by closing its stdin, and kill it if it does not."""
        if not self.running:
            return
        self._process.closeWriteChannel()
        if not self._process.waitForFinished(GOODBYE_MS):
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.waitForFinished(GOODBYE_MS)

    def _onOutput(self) -> None:
        *lines, self._partialLine = (self._partialLine + _read(self._process.readAllStandardOutput())).split(b"\n")
        for line in lines:
            self.lineReceived.emit(line)

    def _onLog(self) -> None:
        text = _read(self._process.readAllStandardError()).decode("utf-8", errors="replace").rstrip()
        if text:
            self.logged.emit(text)

    def _onFinished(self, exitCode: int, exitStatus: object) -> None:
        self._onLog()
        self._onOutput()
        isKilled = exitStatus == qt.QProcess.CrashExit and exitCode == KILLED
        self.ended.emit(_outOfMemory() if isKilled else _stopped(exitCode))

    def _onError(self, error: object) -> None:
        if error == qt.QProcess.FailedToStart:  # every other error is followed by finished()
            self.ended.emit(
                WorkerError(
                    _("The engine could not be started: {why}.").format(why=self._process.errorString()),
                    _("Reinstall the FlareSegmentation extension and restart Slicer."),
                )
            )


def _stopped(exitCode: int) -> WorkerError:
    return WorkerError(
        _("The engine stopped unexpectedly (exit code {code}).").format(code=exitCode),
        _("The log below says more. If memory is short, close other programs; then try again."),
    )


def _outOfMemory() -> InsufficientMemoryError:
    """For an engine that was killed from outside: by the system, as a rule."""
    return InsufficientMemoryError(
        _("The system ended the engine; the memory of this computer or container may be exhausted."),
        _("Close other programs or raise the container's memory limit, then try again."),
    )


def _environment() -> qt.QProcessEnvironment:
    """The environment that Slicer was started in, without Slicer's own Qt and library paths."""
    environment = slicer.app.startupEnvironment()
    environment.insert("PYTHONPATH", str(MODULE_FOLDER))
    environment.insert("PYTHONUTF8", "1")
    return environment


def _read(data: qt.QByteArray) -> bytes:
    return bytes(data.data())
