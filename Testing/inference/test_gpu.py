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
from flareseg.inference.cuda_link import CudaLink
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.full_size import Networks, load_networks
from flareseg.inference.precision import select_precision
from flareseg.inference.recorded import RecordedNetwork
from flareseg.inference.resample import Box, Slabs, logits_to_labels, resample_to_grid
from flareseg.inference.transfer import Pageable, Staged
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


@pytest.mark.parametrize("switches", ["staged", "graphs", "channels_last", "large_slabs", "staged,graphs"])
def test_switches_leave_the_labels_as_they_are(
    monkeypatch: pytest.MonkeyPatch, on_gpu: Cascade, phantom: Phantom, switches: str
) -> None:
    monkeypatch.setenv("FLARESEG_GPU", switches)
    device = select_device("cuda")
    engine = Engine.of(device, select_precision(device), *load_networks(Networks.CASCADE, None))
    for trained in (engine.abdomen, engine.organs):
        assert isinstance(trained.network, RecordedNetwork) is ("graphs" in switches)
    switched = Cascade(engine, [])
    for volume in (phantom.volume, stretched(phantom.volume, 3), phantom.volume):
        assert (switched.segment(volume).labels == on_gpu.segment(volume).labels).mean() > 0.9999


def test_staged_copies_are_those_of_ordinary_memory_for_a_hundred_sizes_of_slabs() -> None:
    device, random = torch.device("cuda"), np.random.default_rng(0)
    staged = Staged(CudaLink(device))
    for _ in range(100):
        voxels = random.integers(-1000, 1000, (random.integers(20, 60), 256, 256)).astype(np.int16)
        logits = torch.randn(5, 12, 64, 64, device=device)
        grids, labels, megabytes = [], np.zeros((2, *voxels.shape), np.uint8), float(random.uniform(1, 40))
        for transfer, out in zip((Pageable(), staged), labels):
            slabs = Slabs(megabytes, transfer=transfer)
            grids.append(resample_to_grid(voxels, Box.whole(voxels.shape), (16, 64, 64), device, slabs))
            logits_to_labels(logits, out[::-1], slabs)
        torch.testing.assert_close(*grids, rtol=0, atol=0)
        np.testing.assert_array_equal(*labels)


def test_automatic_takes_the_gpu(on_gpu: Cascade) -> None:
    assert Cascade.load("auto").device == on_gpu.device
