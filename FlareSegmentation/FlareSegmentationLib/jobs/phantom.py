"""The synthetic CT, made in a process of its own while Slicer goes on."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume

from ..explained import explained
from ..nodes.sample_data import addCt, addOrgans
from ..signals import Signal
from .job import checkTemporaryFolder
from .process import WorkerProcess
from .waiting import Outcome


class PhantomRun:
    """Makes one synthetic CT; ends exactly once, by ``finished`` (the CT; its labels: uint8 (k, j, i)) or ``failed``.

    ``progressed`` gives the fraction 0..1 that is done.
    """

    def __init__(self) -> None:
        self.progressed: Signal[float] = Signal()
        self.finished: Signal[Volume, np.ndarray] = Signal()
        self.failed: Signal[FlareError] = Signal()
        self.active = False
        self._process = WorkerProcess(_command)
        self._process.lineReceived.connect(self._onLine)
        self._process.logged.connect(logging.error)
        self._process.ended.connect(self._fail)

    def start(self) -> None:
        """Raises OutputError when Slicer's temporary folder is missing."""
        checkTemporaryFolder(slicer.app.temporaryPath)
        self.active = True
        self._process.start()

    def cancel(self) -> None:
        """Does nothing once it has ended."""
        if self.active:
            self._fail(Cancelled())

    def _onLine(self, line: bytes) -> None:
        if not self.active:
            return
        try:
            said = json.loads(line)
            made = None if "fraction" in said else _read(said)
        except Exception as error:  # whatever it is, the run has to end
            self._fail(explained(error))
            return
        if made is None:
            self.progressed.emit(said["fraction"])
        else:
            self._end()
            self.finished.emit(*made)

    def _fail(self, error: FlareError) -> None:
        if self.active:
            self._end()
            self.failed.emit(error)

    def _end(self) -> None:
        self.active = False
        self._process.stop()  # upon which it removes its folder


def loadSyntheticCt() -> slicer.vtkMRMLScalarVolumeNode:
    """Add the synthetic CT to the scene and show it in the slice views. Takes seconds; Slicer handles events."""
    volume, _labels = _made()
    return addCt(volume)


def loadSyntheticCtAndOrgans() -> tuple[slicer.vtkMRMLScalarVolumeNode, slicer.vtkMRMLSegmentationNode]:
    """The same CT, and a segmentation node with the organs as they truly are."""
    volume, labels = _made()
    volumeNode = addCt(volume)
    return volumeNode, addOrgans(labels, volumeNode)


def _made() -> tuple[Volume, np.ndarray]:
    run, outcome = PhantomRun(), Outcome()
    run.finished.connect(outcome.end)
    run.failed.connect(outcome.end)
    run.start()
    volume, labels = outcome.wait(run.cancel)
    return volume, labels


def _read(said: dict[str, Any]) -> tuple[Volume, np.ndarray]:
    """What the process has made: the CT, and its labels."""
    folder = Path(said["folder"])
    voxels, labels = (np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("scan", "labels"))
    return Volume(voxels, Geometry.from_json(said["geometry"]), name="phantom"), labels


def _command() -> list[str]:
    python = shutil.which("PythonSlicer") or sys.executable
    return [python, "-m", "flareseg.phantom", slicer.app.temporaryPath]
