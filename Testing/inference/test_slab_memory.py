"""The memory of HU gate and guided borders: that of a slab, however many slices there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
import torch
from flareseg.core.organs import CLASSES
from flareseg.inference.guided import guide_borders
from flareseg.inference.hu_gate import gate_by_hu
from flareseg.inference.live_bytes import LiveBytes
from flareseg.inference.resample import Slabs

SLAB_MB, LIVER = 4.0, 1


def gate(labels: np.ndarray, hu: np.ndarray) -> None:
    gate_by_hu(labels, hu, (0.8, 0.8, 0.8), torch.device("cpu"), Slabs(SLAB_MB))


def guide(labels: np.ndarray, hu: np.ndarray) -> None:
    logits = torch.full((CLASSES, 12, 12, 12), -10.0)
    logits[0] = 0.0
    logits[LIVER, :, 3:9, 3:9] = 0.5
    guide_borders(labels, logits, hu, Slabs(SLAB_MB))


def peaks_mb(work: Callable[[np.ndarray, np.ndarray], None], slices: int) -> tuple[float, float]:
    """Of tensors, and of arrays, while a liver that goes through all slices is worked on."""
    hu = np.full((slices, 96, 96), -100, np.int16)
    labels = np.zeros(hu.shape, np.uint8)
    hu[:, 24:72, 24:72] = 100
    labels[:, 22:70, 22:70] = LIVER
    with LiveBytes() as tensors:
        tracemalloc.start()
        work(labels, hu)
        arrays = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert not labels[slices // 2, 22].any()  # fat beside the liver has left it
    return tensors.peak / 1e6, arrays / 1e6


@pytest.mark.parametrize("work", [gate, guide])
def test_four_times_the_slices_take_hardly_more_memory(work: Callable[[np.ndarray, np.ndarray], None]) -> None:
    """A float copy of the longer scan would be 29 MB, its int16 voxels are 15."""
    peaks_mb(work, 8)  # modules that are imported at first use
    tensors, arrays = (of_800 - of_200 for of_800, of_200 in zip(peaks_mb(work, 800), peaks_mb(work, 200)))
    assert tensors < 1
    assert arrays < 10
