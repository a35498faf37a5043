"""The message of a failed run, with a button for what solves it where there is one."""

from __future__ import annotations

from enum import Enum

import qt
from flareseg.core.errors import FlareError, GpuMemoryError, GpuUnavailableError, NoAbdomenError, PackagesError
from slicer.i18n import tr as _

from ..jobs.dependencies import Dependencies
from ..names import failureName
from ..signals import Signal


class FailureAction(Enum):
    """An action that may solve a failure, offered as a button."""

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
    """``chosen`` tells that the action was clicked."""

    def __init__(self, label: qt.QLabel, button: qt.QPushButton, dependencies: Dependencies) -> None:
        self.chosen: Signal[FailureAction] = Signal()
        self._label, self._button, self._dependencies = label, button, dependencies
        self._action: FailureAction | None = None
        button.connect("clicked(bool)", self._onClicked)

    def show(self, error: FlareError) -> None:
        self._action = self._actionFor(error)
        text = error.message if self._action else f"{error.message} {error.hint}".strip()
        self._label.setText("\n".join(filter(None, [failureName(error.kind), text])))
        self._label.setVisible(True)
        self._button.setVisible(self._action is not None)
        if self._action:
            self._button.setText(self._action.label())
            self._button.setToolTip(error.hint)

    def hide(self) -> None:
        self._label.setText("")
        self._label.setVisible(False)
        self._button.setVisible(False)

    def _actionFor(self, error: FlareError) -> FailureAction | None:
        if isinstance(error, PackagesError):
            return FailureAction.INSTALL if self._dependencies.canInstall() else FailureAction.EXTENSIONS
        if isinstance(error, GpuMemoryError | GpuUnavailableError):
            return FailureAction.CPU
        return FailureAction.REGION if isinstance(error, NoAbdomenError) else None

    def _onClicked(self, _checked: bool = False) -> None:
        if self._action:
            self.chosen.emit(self._action)
