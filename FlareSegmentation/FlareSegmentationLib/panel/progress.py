"""Progress of a run: a line with stage, elapsed and remaining seconds and memory, and a bar."""

from __future__ import annotations

import time

import qt
from flareseg.worker.events import StageProgress
from slicer.i18n import tr as _

from ..names import stageName
from ..nodes.report_text import gigabytes, seconds
from .readouts import percent

_TICK_MS = 100


class RunProgress:
    """Ticks by itself, so that the seconds go on while the engine is busy with one step."""

    def __init__(self, label: qt.QLabel, bar: qt.QProgressBar) -> None:
        self._label, self._bar = label, bar
        self._title = ""
        self._stage: StageProgress | None = None
        self._expectedSeconds: float | None = None
        self._startedAt = self._loadedAt = 0.0
        self._clock = qt.QTimer()
        self._clock.setInterval(_TICK_MS)
        self._clock.connect("timeout()", self._show)
        self.stop()

    def start(self, expectedSeconds: float | None = None, title: str = "") -> None:
        """``expectedSeconds``: of a run whose networks are loaded; None when not known. ``title``: which run."""
        self._stage, self._expectedSeconds, self._title = None, expectedSeconds, title
        self._startedAt = self._loadedAt = time.monotonic()
        self._bar.setValue(0)
        self._setVisible(True)
        self._clock.start()
        self._show()

    def showStage(self, stage: StageProgress) -> None:
        if self._stage is None or stage.stage == "load":
            self._loadedAt = time.monotonic()
        self._stage = stage
        self._bar.setValue(max(self._bar.value, percent(stage)))  # a stage is begun again where a GPU's memory ran out
        self._show()

    def stop(self) -> None:
        self._clock.stop()
        self._setVisible(False)

    def _setVisible(self, isVisible: bool) -> None:
        self._label.setVisible(isVisible)
        self._bar.setVisible(isVisible)

    def _show(self) -> None:
        doing = stageName(self._stage.stage) if self._stage else _("Starting the engine")
        elapsed = f"{seconds(time.monotonic() - self._startedAt)[:-1]} s"
        parts = [self._title, doing, elapsed, self._remaining(), self._memory()]
        self._label.setText(" · ".join(filter(None, parts)))

    def _remaining(self) -> str:
        if self._expectedSeconds is None or self._stage is None or self._stage.stage == "load":
            return ""
        left = max(0.1, self._expectedSeconds - (time.monotonic() - self._loadedAt))
        return _("about {seconds} s left").format(seconds=f"{left:.1f}" if left < 10 else f"{left:.0f}")

    def _memory(self) -> str:
        if self._stage is None:
            return ""
        return gigabytes(self._stage.ram_mb if self._stage.gpu_mb is None else self._stage.gpu_mb)
