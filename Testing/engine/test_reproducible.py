"""The same scan on the same computer gives the same labels, bit for bit."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from flareseg.cascade import Cascade, Wishes
from flareseg.phantom import Phantom
from flareseg.reading import read_volume

BURN = "import torch\na = torch.rand(512, 512)\nwhile True:\n    a = (a @ a).clamp(0, 1)"
RUNS = 10


@pytest.fixture
def load() -> Iterator[None]:
    """Other programs that keep the processor busy."""
    burners = [subprocess.Popen([sys.executable, "-c", BURN]) for _ in range(2)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def test_ten_runs_under_load_give_the_same_bits(load: None, phantom: Phantom) -> None:
    """Each run loads the networks anew, as another process would."""
    seen = set()
    for _ in range(RUNS):
        found = Cascade.load("cpu").segment(phantom.volume, Wishes(uncertainty=True))
        assert found.uncertainty is not None
        volumes = [(organ.voxels, organ.mean_hu, organ.confidence) for organ in found.organs]
        digest = hashlib.sha256(found.labels.tobytes() + found.uncertainty.tobytes()).hexdigest()
        seen.add((digest, found.device.dtype, str(volumes)))
    assert len(seen) == 1


@pytest.mark.parametrize("case", ["spl_abdomen", "totalsegmentator_example"])
def test_every_precision_agrees_with_float32_on_a_real_ct(case: str, real_ct: Path) -> None:
    volume = read_volume(real_ct / case / "ct.nii.gz")
    exact = Cascade.load("cpu", precision="float32").segment(volume).labels
    labels = Cascade.load("cpu", precision="bfloat16").segment(volume).labels
    assert (labels == exact).mean() > 0.999
    organs = (labels > 0) | (exact > 0)
    assert (labels == exact)[organs].mean() > 0.998
