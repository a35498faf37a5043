"""The cascade on a GPU: the same organs, in little memory for any number of slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flareseg.core.run import Run
from flareseg.core.volume import Volume
from flareseg.evaluation.overlap import dice_per_organ
from flareseg.inference.cascade import Cascade
from flareseg.phantom import Phantom

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="this computer has no CUDA GPU")


@pytest.fixture(scope="module")
def on_gpu() -> Cascade:
    return Cascade.load("cuda")


def stretched(volume: Volume, times: int) -> Volume:
    """The same anatomy with every slice repeated."""
    k, j, i = volume.geometry.shape
    spacing = (volume.geometry.spacing[0] / times, *volume.geometry.spacing[1:])
    return Volume(
        np.repeat(volume.voxels, times, 0), replace(volume.geometry, shape=(k * times, j, i), spacing=spacing)
    )


def test_a_gpu_finds_the_same_organs_as_the_cpu(on_gpu: Cascade, cascade: Cascade, phantom: Phantom) -> None:
    scores = dice_per_organ(on_gpu.segment(phantom.volume).labels, cascade.segment(phantom.volume).labels)
    assert min(scores.values()) >= 0.995, scores


def test_gpu_memory_stays_below_256_mb_and_does_not_grow_with_the_scan(on_gpu: Cascade, phantom: Phantom) -> None:
    peaks = []
    for times in (1, 8):
        with Run() as run:
            on_gpu.segment(stretched(phantom.volume, times), run=run)
        facts = run.memory.facts()
        assert facts.peak_gpu_allocated_mb is not None
        assert facts.peak_gpu_device_mb is not None
        assert facts.peak_gpu_device_mb > facts.peak_gpu_allocated_mb
        peaks.append(facts.peak_gpu_allocated_mb)
    assert max(peaks) < 256
    assert peaks[1] < peaks[0] + 32


def test_automatic_takes_the_gpu(on_gpu: Cascade) -> None:
    assert Cascade.load("auto").device == on_gpu.device
