"""A failed run: one sentence, and what helps as a button where there is such a thing."""

from __future__ import annotations

from enum import Enum

import qt
from flareseg.core.errors import FlareError, GpuMemoryError, GpuUnavailableError, NoAbdomenError, PackagesError
from slicer.i18n import tr as _

from ..jobs.dependencies import Dependencies
from ..signals import Signal


class Remedy(Enum):
    """What a person can do about a failure with one click."""

    CPU = "cpu"
    REGION = "region"
    INSTALL = "install"
    EXTENSIONS = "extensions"

    def label(self) -> str:
        return {
            "cpu": _("Retry on CPU"),
            "region": _("Choose a region"),
            "install": _("Install PyTorch"),
            "extensions": _("Open the Extensions Manager"),
        }[self.value]


class FailureNote:
    """``chosen`` tells that the remedy was clicked."""

    def __init__(self, label: qt.QLabel, button: qt.QPushButton, dependencies: Dependencies) -> None:
        self.chosen: Signal[Remedy] = Signal()
        self._label, self._button, self._dependencies = label, button, dependencies
        self._remedy: Remedy | None = None
        button.connect("clicked(bool)", self._onClicked)

    def show(self, error: FlareError) -> None:
        self._remedy = self._remedyOf(error)
        self._label.setText(error.sentence if self._remedy else f"{error.sentence} {error.remedy}".strip())
        self._label.setVisible(True)
        self._button.setVisible(self._remedy is not None)
        if self._remedy:
            self._button.setText(self._remedy.label())
            self._button.setToolTip(error.remedy)

    def hide(self) -> None:
        self._label.setText("")
        self._label.setVisible(False)
        self._button.setVisible(False)

    def _remedyOf(self, error: FlareError) -> Remedy | None:
        if isinstance(error, PackagesError):
            return Remedy.INSTALL if self._dependencies.canInstall() else Remedy.EXTENSIONS
        if isinstance(error, GpuMemoryError | GpuUnavailableError):
            return Remedy.CPU
        return Remedy.REGION if isinstance(error, NoAbdomenError) else None

    def _onClicked(self, _checked: bool = False) -> None:
        if self._remedy:
            self.chosen.emit(self._remedy)
