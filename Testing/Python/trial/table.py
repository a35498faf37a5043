"""Results of unittest as one table: a line a check, with its seconds and why it failed or was skipped."""

from __future__ import annotations

import time
import unittest
from typing import Any, TextIO

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


class TableResult(unittest.TestResult):
    """Writes each line as soon as it is known: Slicer may crash in the next check."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.states: dict[str, str] = {}
        self._stream = stream
        self._started = 0.0
        stream.write(f"{'result':8} {'s':>6}  check\n")

    @property
    def isFine(self) -> bool:
        """Whether there were checks, and all of them have passed."""
        return bool(self.states) and set(self.states.values()) == {PASSED}

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._started = time.monotonic()

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self._line(test, PASSED, getattr(test, "remark", ""))

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._line(test, FAILED, str(err[1]))

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._line(test, FAILED, f"{err[0].__name__}: {err[1]}")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._line(test, SKIPPED, reason)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._line(subtest, FAILED, f"{err[0].__name__}: {err[1]}")

    def writeTraces(self) -> None:
        """The whole story of what failed, after the table."""
        for test, trace in self.errors + self.failures:
            self._stream.write(f"\n{test}\n{trace}")

    def _line(self, test: unittest.TestCase, state: str, why: str) -> None:
        name = test.id().rpartition(".")[2].removeprefix("test_").replace("_", " ")
        self.states[test.id()] = state
        reason = " ".join(why.split())[:300]
        line = f"{state:8} {time.monotonic() - self._started:6.1f}  {name}"
        self._stream.write(line + (f": {reason}" if reason else "") + "\n")
