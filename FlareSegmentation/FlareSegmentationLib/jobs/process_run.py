"""One task in a process of its own, which answers in lines of JSON and ends with its task."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from flareseg.core.errors import Cancelled, FlareError, error_of_kind

from ..explained import explained
from ..signals import Signal
from .process import WorkerProcess


class ProcessRun(ABC):
    """Ends exactly once: by the ``finished`` of the class that derives from this one, or by ``failed``.

    A line with "kind" is the failure that the process reports.
    """

    def __init__(self) -> None:
        self.failed: Signal[FlareError] = Signal()
        self.active = False
        self._process = WorkerProcess(lambda: [shutil.which("PythonSlicer") or sys.executable, "-m", *self._module()])
        self._process.lineReceived.connect(self._onLine)
        self._process.logged.connect(logging.error)
        self._process.ended.connect(self._fail)

    @abstractmethod
    def _module(self) -> list[str]:
        """The Python module that is run, and its arguments."""

    @abstractmethod
    def _understand(self, said: dict[str, Any]) -> Callable[[], object]:
        """What a line of the process leads to. Whatever this raises, but not what that raises, fails the run."""

    def cancel(self) -> None:
        """Does nothing once it has ended."""
        if self.active:
            self._fail(Cancelled())

    def _onLine(self, line: bytes) -> None:
        if not self.active:
            return
        try:
            said = json.loads(line)
            if "kind" in said:
                raise error_of_kind(said["kind"], said["message"], said["hint"])
            follow = self._understand(said)
        except Exception as error:  # whatever it is, the run has to end
            self._fail(explained(error))
        else:
            follow()

    def _fail(self, error: FlareError) -> None:
        if self.active:
            self._end()
            self.failed.emit(error)

    def _end(self) -> None:
        self.active = False
        self._process.stop()  # upon which it removes what it has not finished
