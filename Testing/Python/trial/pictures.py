"""Pictures of the main window and of the panel, taken when the layout has settled."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import qt
import slicer
from panel_driver import MODULE, Dependencies, Panel, addScan, waitUntil

WIDTHS = (350, 428, 600)  # of the panel, in pixels
LEAST_SECONDS, LIMIT_SECONDS = 0.3, 5.0  # Slicer lays out a window while it handles events


def takePictures(out: Path) -> None:
    """before.png, during.png and after.png around a run on the synthetic CT; then the panel at several widths."""
    slicer.mrmlScene.Clear()
    panel, scan = Panel(), addScan("Synthetic CT")
    slicer.util.setSliceViewerLayers(background=scan, fit=True)
    panel.choose(scan)
    grab(slicer.util.mainWindow(), out / "before.png")
    if not Dependencies().areThere():
        return  # a click would ask to install them, and wait for an answer
    panel.click()
    waitUntil(panel.isInTheMiddle)
    grab(slicer.util.mainWindow(), out / "during.png", LEAST_SECONDS)
    waitUntil(panel.isReady)
    grab(slicer.util.mainWindow(), out / "after.png")
    for width in WIDTHS:
        if setPanelWidth(width) is not None:
            widget = slicer.util.getModule(MODULE).widgetRepresentation()
            grab(widget, out / f"panel-{width}.png")
    panel.close()


def grab(widget: Any, picture: Path, limitSeconds: float = LIMIT_SECONDS) -> None:
    """Save a picture of the widget as soon as two in a row are the same, or when the time is over."""
    start, before = time.monotonic(), b""
    while True:
        handleEvents(LEAST_SECONDS / 3)
        if not widget.grab().save(str(picture)):
            raise OSError(f"{picture} could not be written")
        now, seconds = picture.read_bytes(), time.monotonic() - start
        if seconds > limitSeconds or (now == before and seconds > LEAST_SECONDS):
            return
        before = now


def setPanelWidth(width: int) -> int | None:
    """Make the dock of the module panel so wide; its width afterwards, or None where there is no such dock."""
    window = slicer.util.mainWindow()
    docks = slicer.util.findChildren(window, name="PanelDockWidget") if window else []
    if not docks:
        return None
    window.resizeDocks([docks[0]], [width], qt.Qt.Horizontal)
    handleEvents(LEAST_SECONDS)
    return int(docks[0].width)


def handleEvents(seconds: float) -> None:
    end = time.monotonic() + seconds
    waitUntil(lambda: time.monotonic() >= end)
