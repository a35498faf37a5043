"""The same scan on the same computer gives the same labels, bit for bit."""

from __future__ import annotations

import copy
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.organs import CLASSES
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.precision import select_precision
from flareseg.inference.processor import has_bfloat16
from flareseg.inference.weights import load_network
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom

BURN = "import torch\na = torch.rand(512, 512)\nwhile True:\n    a = (a @ a).clamp(0, 1)"
RUNS = 10


@pytest.fixture
def load() -> Iterator[None]:
    """Another program that keeps the processor busy."""
    with subprocess.Popen([sys.executable, "-c", BURN]) as burner:
        yield
        burner.kill()


@pytest.mark.timeout(900)
def test_ten_runs_under_load_give_the_same_bits(load: None, phantom: Phantom) -> None:
    """Each run loads the networks anew, as another process would."""
    seen = set()
    for _ in range(RUNS):
        found = Cascade.load("cpu").segment(phantom.volume, SegmentationOptions(uncertainty=True))
        assert found.uncertainty is not None
        volumes = [(organ.voxels, organ.mean_hu, organ.confidence) for organ in found.organs]
        digest = hashlib.sha256(found.labels.tobytes() + found.uncertainty.tobytes()).hexdigest()
        seen.add((digest, found.device.dtype, str(volumes)))
    assert len(seen) == 1


class AsStored(torch.nn.Module):
    """A layer whose numbers are rounded to float16 between its steps, as a GPU stores them; it adds up in float32."""

    def __init__(self, layer: torch.nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x.half().float()).half().float()


def rounded_to_float16(network: torch.nn.Module) -> torch.nn.Module:
    """A copy with every number that a layer takes, keeps or gives rounded to float16."""
    network = copy.deepcopy(network).half().float()
    for name, child in list(network.named_modules()):
        if isinstance(child, (torch.nn.Conv3d, torch.nn.ConvTranspose3d, torch.nn.InstanceNorm3d)):
            parent, _, last = name.rpartition(".")
            setattr(network.get_submodule(parent), last, AsStored(child))
    return network


def networks_in_float16() -> Cascade:
    """Emulating float16 would take minutes a scan on most processors."""
    cpu = select_device("cpu")
    networks = load_network("abdomen", 2), load_network("organs", CLASSES)
    exact = Engine.of(cpu, select_precision(cpu, "float32"), *networks)
    abdomen, organs = (replace(n, network=rounded_to_float16(n.network)) for n in (exact.abdomen, exact.organs))
    return Cascade(replace(exact, abdomen=abdomen, organs=organs), [])


@pytest.mark.parametrize("case", ["spl_abdomen", "totalsegmentator_example"])
def test_every_precision_agrees_with_float32_on_a_real_ct(case: str, real_ct: Path) -> None:
    volume = read_volume(real_ct / case / "ct.nii.gz")
    expected = Cascade.load("cpu", precision="float32").segment(volume).labels
    others = [networks_in_float16()]
    if has_bfloat16():
        others.append(Cascade.load("cpu", precision="bfloat16"))
    for other in others:
        labels = other.segment(volume).labels
        assert not np.array_equal(labels, expected), "another precision gives other bits"
        assert (labels == expected).mean() > 0.999
        organs = (labels > 0) | (expected > 0)
        assert (labels == expected)[organs].mean() > 0.998
