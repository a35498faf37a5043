"""This engine as a method of the benchmark."""

from __future__ import annotations

import numpy as np
from flareseg.core.measure import StageClock
from flareseg.core.own_process import freed_memory_kept
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade

from benchmarks.subject import Subject


class Ours(Subject):
    """The cascade with its shipped weights."""

    def __init__(self, device: str) -> None:
        self._cascade = Cascade.load(device)
        self.dtype = self._cascade.device.dtype

    def segment(self, image: Volume, clock: StageClock) -> np.ndarray:
        run = Run()
        run.clock = clock
        with freed_memory_kept():
            return self._cascade.segment(image, run=run).labels
