"""This engine, as every caller uses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flareseg.benchmark.sampling import Sampling
from flareseg.core.measure import StageClock
from flareseg.core.own_process import freed_memory_kept
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.io.reading import read_volume
from flareseg.io.writing import write_labels


class Ours:
    """The cascade with its shipped weights."""

    sampling: Sampling | None = None

    def __init__(self, device: str) -> None:
        self._cascade = Cascade.load(device)
        self.dtype = self._cascade.device.dtype

    def read(self, scan: Path) -> Volume:
        return read_volume(scan)

    def segment(self, image: Volume, clock: StageClock) -> np.ndarray:
        run = Run()
        run.clock = clock
        with freed_memory_kept():
            return self._cascade.segment(image, run=run).labels

    def write(self, path: Path, labels: np.ndarray, image: Volume) -> None:
        write_labels(path, labels, image.geometry)
