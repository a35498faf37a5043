"""Asking for the file that a result is saved to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _


def askedPath(
    title: str, suggested: str, kind: str, suffix: str, beside: Callable[[Path], list[Path]] = lambda _path: []
) -> Path | None:
    """The chosen file, its name with ``suffix`` at the end; None when the dialog is left or an earlier file is to stay.

    The dialog asks before it replaces a file of the name as it was typed. Here is asked for the name with its suffix,
    and for the files that are written ``beside`` it.
    """
    text = qt.QFileDialog.getSaveFileName(slicer.util.mainWindow(), title, suggested, kind)
    if not text:
        return None
    typed = Path(text)
    path = typed if typed.name.lower().endswith(suffix) else typed.with_name(typed.name + suffix)
    earlier = [file for file in (path, *beside(path)) if file != typed and file.exists()]
    question = _("{file} exists. Replace it?")
    return path if all(slicer.util.confirmOkCancelDisplay(question.format(file=file)) for file in earlier) else None
