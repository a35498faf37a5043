"""The message of a run that gave no result, with buttons for what solves it."""

from __future__ import annotations

from enum import Enum

import qt
from flareseg.core.errors import (
    Cancelled,
    FlareError,
    GpuMemoryError,
    GpuUnavailableError,
    NoAbdomenError,
    PackagesError,
)
from slicer.i18n import tr as _

from ..jobs.dependencies import Dependencies
from ..names import failureName
from ..signals import Signal

_NOTE_STYLE = "QLabel {{ padding: 5px 8px; border-left: 4px solid {colour}; background: {tint}; }}"
WARNING_STYLE = _NOTE_STYLE.format(colour="#d99a00", tint="rgba(217, 154, 0, 40)")
FAILURE_STYLE = _NOTE_STYLE.format(colour="#d0312d", tint="rgba(208, 49, 45, 55)")


class FailureAction(Enum):
    """An action that may solve a failure, offered as a button."""

    RETRY = "retry"
    CPU = "cpu"
    REGION = "region"
    INSTALL = "install"
    EXTENSIONS = "extensions"

    def label(self) -> str:
        return {
            "retry": _("Try again"),
            "cpu": _("Retry on CPU"),
            "region": _("Choose a region"),
            "install": _("Install packages"),
            "extensions": _("Open the Extensions Manager"),
        }[self.value]


class FailureNote:
    """``chosen`` tells which action was clicked. Every failure can be retried; some have an action of their own."""

    def __init__(
        self, label: qt.QLabel, actionButton: qt.QPushButton, retryButton: qt.QPushButton, dependencies: Dependencies
    ) -> None:
        self.chosen: Signal[FailureAction] = Signal()
        self._label, self._actionButton, self._retryButton = label, actionButton, retryButton
        self._dependencies = dependencies
        self._action: FailureAction | None = None
        retryButton.setText(FailureAction.RETRY.label())
        actionButton.connect("clicked(bool)", self._onAction)
        retryButton.connect("clicked(bool)", self._onRetry)

    def show(self, error: FlareError) -> None:
        """A run that was stopped on purpose has not failed: there is nothing to retry."""
        isStopped = error.kind == Cancelled.kind
        self._action = None if isStopped else self._actionFor(error)
        self._label.setStyleSheet(WARNING_STYLE if isStopped else FAILURE_STYLE)
        self._label.setText(_textOf(error, withHint=self._action is None))
        self._label.setVisible(True)
        self._actionButton.setVisible(self._action is not None)
        self._retryButton.setVisible(not isStopped and self._action is not FailureAction.INSTALL)
        if self._action:
            self._actionButton.setText(self._action.label())
            self._actionButton.setToolTip(error.hint)

    def hide(self) -> None:
        self._label.setText("")
        for widget in (self._label, self._actionButton, self._retryButton):
            widget.setVisible(False)

    def _actionFor(self, error: FlareError) -> FailureAction | None:
        if isinstance(error, PackagesError):
            return FailureAction.INSTALL if self._dependencies.canInstall() else FailureAction.EXTENSIONS
        if isinstance(error, GpuMemoryError | GpuUnavailableError):
            return FailureAction.CPU
        return FailureAction.REGION if isinstance(error, NoAbdomenError) else None

    def _onAction(self, _checked: bool = False) -> None:
        if self._action:
            self.chosen.emit(self._action)

    def _onRetry(self, _checked: bool = False) -> None:
        self.chosen.emit(FailureAction.RETRY)


def _textOf(error: FlareError, withHint: bool) -> str:
    if isinstance(error, Cancelled):
        return str(_("Cancelled."))
    text = f"{error.message} {error.hint}".strip() if withHint else error.message
    return "\n".join(filter(None, [failureName(error.kind), text]))
