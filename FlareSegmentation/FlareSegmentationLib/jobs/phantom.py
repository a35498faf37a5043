"""The synthetic CT, made in a process of its own while Slicer goes on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import slicer
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume

from ..nodes.sample_data import addCt, addOrgans
from ..signals import Signal
from .job import checkTemporaryFolder
from .process_run import ProcessRun
from .waiting import Outcome


class PhantomRun(ProcessRun):
    """Makes one synthetic CT; ``finished`` gives it and its labels, uint8 (k, j, i).

    ``progressed`` gives the fraction 0..1 that is done.
    """

    def __init__(self) -> None:
        super().__init__()
        self.progressed: Signal[float] = Signal()
        self.finished: Signal[Volume, np.ndarray] = Signal()

    def start(self) -> None:
        """Raises OutputError when Slicer's temporary folder is missing."""
        checkTemporaryFolder(slicer.app.temporaryPath)
        self.active = True
        self._process.start()

    def _module(self) -> list[str]:
        return ["flareseg.phantom", slicer.app.temporaryPath]

    def _understand(self, said: dict[str, Any]) -> Callable[[], object]:
        if "fraction" in said:
            return partial(self.progressed.emit, said["fraction"])
        return partial(self._finish, *_read(said))

    def _finish(self, volume: Volume, labels: np.ndarray) -> None:
        self._end()
        self.finished.emit(volume, labels)


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
