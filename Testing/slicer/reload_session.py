"""A Slicer in developer mode in which Reload is pressed while a queue of scans is at work.

Started as ``python reload_session.py MODULE_FOLDER TEMPORARY_FOLDER``; files of MODULE_FOLDER, a copy, are changed.
Prints what it saw as JSON.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))
FOLDER, TEMPORARY = Path(sys.argv[1]), Path(sys.argv[2])

from standins.install import install  # noqa: E402

install(FOLDER)

import numpy as np  # noqa: E402
import psutil  # noqa: E402
import slicer  # noqa: E402
from PySide6.QtCore import QCoreApplication, QEvent  # noqa: E402
from PySide6.QtWidgets import QPushButton  # noqa: E402
from standins.desktop import Desktop  # noqa: E402

LIMIT_SECONDS = 60.0
QUIET_SECONDS = 0.5  # longer than every timer of the panel


def handle_events(until: Callable[[], object] = lambda: False, seconds: float = QUIET_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        QCoreApplication.sendPostedEvents(None, QEvent.DeferredDelete)  # before timers, as in the application
        QCoreApplication.processEvents()
        time.sleep(0.01)


def add_scan(name: str) -> None:
    voxels = np.random.default_rng(0).normal(0, 300, (40, 64, 64)).astype(np.int16)
    slicer.util.addVolumeFromArray(voxels, np.diag([4.0, 4.0, 4.0, 1.0]), name)


def change(path: str, before: str, after: str) -> None:
    file = FOLDER / path
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def panel() -> Any:
    return slicer.modules.FlareSegmentationWidget


def start_queue() -> list[psutil.Process]:
    """The processes of the panel once the queue is at work."""
    add_scan("first")
    add_scan("second")
    panel().ui.allScansCheckBox.click()
    panel().ui.queueButton.click()
    handle_events(lambda: panel().queue.active and psutil.Process().children(), LIMIT_SECONDS)
    return psutil.Process().children()


def main() -> None:
    slicer.app.temporaryPath = str(TEMPORARY)
    slicer.app.settingsFile = str(TEMPORARY.parent / "Slicer.ini")
    slicer.app.userSettings().setValue("Developer/DeveloperMode", True)
    desktop = Desktop()
    desktop.load(FOLDER / "FlareSegmentation.py")
    slicer.util.selectModule("FlareSegmentation")
    workers = start_queue()
    old = weakref.ref(panel())
    change("FlareSegmentationLib/panel/panel.py", '_("Segment organs")', '_("Segment the organs")')
    change("flareseg/core/report.py", '"Find abdomen"', '"Find the abdomen"')
    panel().reloadButton.click()
    handle_events()
    add_scan("third")  # what reaches the old panel now is an error on stderr
    handle_events()
    gc.collect()
    from flareseg.core.report import STAGES

    seen = {
        "button": panel().ui.applyButton.text,
        "panels": len(panel().parent.findChildren(QPushButton, "applyButton")),
        "scans": panel().ui.queueTable.rowCount,
        "stage": STAGES["find_abdomen"],
        "old panel": old() is not None,
        "workers": len(workers),
        "old workers": sum(worker.is_running() for worker in workers),
    }
    desktop.close()
    handle_events()
    seen["processes"] = len(psutil.Process().children())
    import sys  # Slicer deletes the name from __main__ while it loads modules

    sys.stdout.write(json.dumps(seen))


main()
