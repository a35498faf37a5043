"""A Slicer with a run in progress; prints the worker's process id, quits on a line on stdin.

Started as ``python slicer_session.py TEMPORARY_FOLDER``.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

from standins.install import install

install()

import numpy as np  # noqa: E402
import slicer  # noqa: E402
from flareseg.worker.events import Ready, decode_event  # noqa: E402
from PySide6.QtCore import QCoreApplication, QTimer  # noqa: E402

import FlareSegmentation  # noqa: E402


def announce(line: bytes) -> None:
    event = decode_event(line)
    if isinstance(event, Ready):
        print(event.pid, flush=True)


def main() -> None:
    slicer.app.temporaryPath = sys.argv[1]
    voxels = np.random.default_rng(0).normal(0, 300, (200, 256, 256)).astype(np.int16)
    scan = slicer.util.addVolumeFromArray(voxels)
    logic = FlareSegmentation.FlareSegmentationLogic()
    logic.runner.process.lineReceived.connect(announce)
    logic.start(scan, device="cpu")
    told = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), told.set()), daemon=True).start()
    timer = QTimer()
    timer.timeout.connect(lambda: told.is_set() and QCoreApplication.quit())
    timer.start(50)
    QCoreApplication.instance().exec()


main()
