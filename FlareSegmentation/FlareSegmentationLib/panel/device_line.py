"""The device line of the panel: the selected device, and the expected time and memory of the scan."""

from __future__ import annotations

import qt
from flareseg.core.errors import FlareError
from flareseg.core.estimate import Cost, estimate
from flareseg.core.volume import Volume
from flareseg.worker.events import DeviceInfo
from slicer.i18n import tr as _

from .. import settings
from ..choices import DeviceChoice, NetworkChoice
from ..jobs.dependencies import Dependencies
from ..jobs.job import JobRunner
from ..nodes.report_text import gigabytes, seconds


class DeviceLine:
    """Asks the worker, which warms it up for the first click, and never waits for the answer."""

    def __init__(
        self,
        deviceLabel: qt.QLabel,
        reasonLabel: qt.QLabel,
        costLabel: qt.QLabel,
        runner: JobRunner,
        dependencies: Dependencies,
    ) -> None:
        self._deviceLabel, self._reasonLabel, self._costLabel = deviceLabel, reasonLabel, costLabel
        self._runner, self._dependencies = runner, dependencies
        self._question = ""
        self._kind = ""
        self._ramMb: float | None = None
        self._volume: Volume | None = None
        self._choice, self._network = DeviceChoice.AUTO, NetworkChoice.CASCADE
        self._asking = qt.QTimer()  # later: to find out what is installed takes a moment, and the panel comes first
        self._asking.setSingleShot(True)
        self._asking.setInterval(0)
        self._asking.connect("timeout()", self._ask)
        runner.described.connect(self._onDescribed)
        self._show("")

    def ask(self, choice: DeviceChoice) -> None:
        """Where something is missing nothing is started: the click will ask to install it."""
        self._choice = choice
        self._asking.start()

    def close(self) -> None:
        """Ask nothing more."""
        self._asking.stop()

    def _ask(self) -> None:
        notice = self._dependencies.notice()
        if notice:
            self._show(notice)
        else:
            self._question = self._runner.describe(self._choice.value)

    def setScan(self, volume: Volume | None) -> None:
        self._volume = volume
        self.showCost()

    def setNetwork(self, network: NetworkChoice) -> None:
        self._network = network
        self.showCost()

    def costOf(self, volume: Volume | None) -> Cost | None:
        """What a scan is expected to take; None while scan or device are not known, and for weights of one's own."""
        if volume is None or not self._kind or self._network is not NetworkChoice.CASCADE:
            return None
        return estimate(volume.geometry, volume.voxels.itemsize, self._kind, settings.slowness(self._kind))

    @property
    def cost(self) -> Cost | None:
        """What the chosen scan is expected to take."""
        return self.costOf(self._volume)

    def showCost(self) -> None:
        cost = self.cost
        self._costLabel.setVisible(cost is not None)
        if cost is not None:
            parts = [_("about {seconds} s").format(seconds=_round(cost.seconds))]
            if cost.gpu_mb:
                parts.append(_("{memory} GPU memory").format(memory=gigabytes(cost.gpu_mb, 1)))
            parts.append(_("{memory} RAM").format(memory=gigabytes(cost.ram_mb, 1)))
            self._costLabel.setText("\n".join([" · ".join(parts), *self._shortage(cost)]))

    def _shortage(self, cost: Cost) -> list[str]:
        """A line that says that the engine will not get the memory, if that is known."""
        if self._ramMb is None or cost.least_ram_mb <= self._ramMb:
            return []
        needed, there = gigabytes(cost.least_ram_mb), gigabytes(self._ramMb)
        return [_("This scan needs {needed} RAM; {there} are available.").format(needed=needed, there=there)]

    def _onDescribed(self, question: str, answer: DeviceInfo | FlareError) -> None:
        if question != self._question:
            return
        if isinstance(answer, FlareError):
            self._kind = ""
            self._show(answer.message, answer.hint)
        else:
            self._kind, self._ramMb = answer.kind, answer.ram_mb
            free = gigabytes(answer.free_mb, 1)
            self._show(_("{device}, {memory} free").format(device=answer.name, memory=free), reason=answer.reason)
        self.showCost()

    def _show(self, text: str, hint: str = "", reason: str = "") -> None:
        """Show the device and the reason for it, with all that is known in the tooltips."""
        for label, line, more in ((self._deviceLabel, text, hint), (self._reasonLabel, reason, "")):
            label.setText(line)
            label.setToolTip(f"{line} {more}".strip())
            label.setVisible(bool(line))
        self.showCost()


def _round(value: float) -> str:
    value = max(value, 0.1)
    return seconds(value)[:-1] if value < 10 else f"{value:.0f}"
