"""Memory of training: counted without allocating it, as it is measured, and refused where it cannot suffice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from flareseg.cli.app import app
from flareseg.core.errors import ConfigError
from flareseg.inference.live_bytes import LiveBytes
from flareseg.training.config import StageConfig, TrainingConfig, read_config
from flareseg.training.memory import count_step
from flareseg.training.room import Room, largest_size, require_room
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind
from training.makers import tiny_config
from typer.testing import CliRunner

CPU = torch.device("cpu")
FULL = (160, 512, 512)
SAVINGS = {"checkpoint": True, "in_place": True, "loss_slab": 8}


def settings(network: str, grid: tuple[int, int, int] = FULL, **memory: Any) -> StageConfig:
    stage = read_config("full-size").stages[Stage.FULL_SIZE].model_dump()
    return StageConfig.model_validate({**stage, "network": {"name": network}, "grid": grid, "memory": memory})


def peak_mb(network: str, precision: str = "32-true", **memory: Any) -> float:
    return count_step(Stage.FULL_SIZE, settings(network, **memory), precision).peak_mb


def test_live_bytes_are_those_of_the_tensors_that_are_alive() -> None:
    with LiveBytes() as live:
        kept = torch.zeros(1000)
        doubled = kept * 2
        view = doubled[10:]
        assert live.now == 8000
        del doubled
        assert live.now == 8000
        del view
        assert live.now == 4000
        kept.add_(1)
    assert live.peak == 8000


def test_a_step_on_a_whole_scan_takes_5_9_gb_where_the_plain_network_takes_47_6() -> None:
    """The whole scan of 160 x 512 x 512 voxels in float32, counted; nothing of that size is allocated."""
    plain, ours = (count_step(Stage.FULL_SIZE, each) for each in (settings("PlainUNet"), settings(FCN, **SAVINGS)))
    assert plain.peak_mb == pytest.approx(47_570, rel=0.01)
    assert ours.peak_mb == pytest.approx(5_849, rel=0.01)
    assert ours.parameters < 0.15 * plain.parameters


FCN = "MemoryEfficientFCN"


def test_in_bfloat16_a_step_on_a_whole_scan_takes_3_2_gb() -> None:
    assert peak_mb(FCN, "bf16-mixed", **SAVINGS) == pytest.approx(3_201, rel=0.01)


@pytest.mark.parametrize(
    ("memory", "share"),
    [
        ({}, 0.43),
        ({"checkpoint": True}, 0.23),
        ({"in_place": True}, 0.38),
        ({"loss_slab": 8}, 0.30),
        ({"saved": "bfloat16"}, 0.30),
        (SAVINGS, 0.13),
        ({**SAVINGS, "saved": "bfloat16"}, 0.11),
    ],
    ids=["none", "checkpoint", "in place", "loss by slabs", "rounded", "all that are exact", "all"],
)
def test_each_saving_lowers_the_peak_below_a_share_of_the_plain_networks(memory: dict[str, Any], share: float) -> None:
    assert peak_mb(FCN, **memory) < share * 47_570


def test_the_loss_by_slabs_keeps_less_of_the_plain_network_too() -> None:
    """The five classes of each voxel in float32 are 839 MB; the whole loss keeps several such tensors."""
    whole, slabs = (count_step(Stage.FULL_SIZE, settings("PlainUNet", loss_slab=slices)) for slices in (None, 8))
    assert slabs.kept_mb < whole.kept_mb - 4 * 839


STEP = """
import ctypes, gc, json, sys
import torch
from flareseg.core import own_process
own_process.prepare()
from flareseg.core.measure import MemoryWatch
from flareseg.training.batches import TrainingBatch
from flareseg.training.config import StageConfig
from flareseg.training.losses import OrganLoss
from flareseg.training.memory import count_step
from flareseg.training.sample import Stage
from flareseg.training.start import new_network
from flareseg.training.step import forward

torch.set_num_threads(1)


def step(settings, network, grid):
    labels = torch.zeros((1, 1, *grid), dtype=torch.uint8)
    batch = TrainingBatch(torch.zeros((1, 1, *grid)).normal_(), labels)
    forward(network, OrganLoss(settings.loss), batch, settings.memory)[1].backward()

for each in json.loads(sys.argv[1]):
    settings = StageConfig.model_validate(each)
    network = new_network(Stage.FULL_SIZE, settings).train()
    counted = count_step(Stage.FULL_SIZE, settings, device="cpu")
    step(settings, network, (16, 32, 32))  # so that libraries have what they keep
    gc.collect()
    with MemoryWatch() as memory:
        before = memory.ram_mb
        step(settings, network, settings.grid)
    print(memory.facts().peak_ram_mb - before, counted.peak_mb - counted.fixed_mb)
    del network
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="Linux tells the peak of a process to the byte")
def test_what_is_counted_is_measured_within_a_tenth() -> None:
    """Of our network with its savings and without them, and of the plain one."""
    stages = [
        settings(FCN, (48, 160, 160), **SAVINGS),
        settings(FCN, (32, 128, 128)),
        settings("PlainUNet", (32, 96, 96)),
    ]
    command = [sys.executable, "-c", STEP, json.dumps([stage.model_dump(mode="json") for stage in stages])]
    every_block_goes_back = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "65536"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=200, env=every_block_goes_back)
    figures = [tuple(map(float, line.split())) for line in done.stdout.splitlines()]
    assert len(figures) == 3
    for measured, counted in figures:
        assert counted == pytest.approx(measured, rel=0.1)


def config(**changes: Any) -> TrainingConfig:
    return tiny_config(network={"name": "RoiUNet", "options": {"widths": [8, 16]}}, grid=[64, 64, 64], **changes)


def test_a_run_that_cannot_fit_is_refused_with_what_it_needs_and_the_largest_factor_that_fits() -> None:
    """Three samples of 64 x 64 x 64 voxels; half of each side is an eighth of the memory."""
    needed = require_room(Stage.ORGANS, config(), (64, 64, 64), "32-true", CPU, Room(1e6)).peak_mb
    with pytest.raises(ConfigError) as caught:
        require_room(Stage.ORGANS, config(), (64, 64, 64), "32-true", CPU, Room.of(CPU, 0.15 * needed))
    text = str(caught.value)
    assert "Training RoiUNet on 64 x 64 x 64 voxels needs 0." in text
    assert "0.1 GB are allowed by the limit given. The largest factor that fits is 0.4" in text
    assert "32 x 32 x 32 voxels: set" in text
    assert "or switch on loss_slab, saved: bfloat16 under `memory`." in text


def test_where_no_factor_fits_that_is_said() -> None:
    with pytest.raises(ConfigError, match="No factor of this grid fits"):
        require_room(Stage.ORGANS, config(), (64, 64, 64), "32-true", CPU, Room(0.01))


def test_without_a_limit_the_room_is_what_is_free() -> None:
    assert Room.of(CPU).free_mb > 0
    assert Room.of(CPU, 12.0).free_mb == 12.0


@pytest.mark.parametrize(
    ("factor", "scans", "expected"),
    [(1.0, 1.0, (208, 256, 256)), (0.5, 1.0, (112, 128, 128)), (1.0, 0.0, FULL), (None, 1.0, FULL)],
)
def test_the_largest_scan_of_the_store_counts(factor: float | None, scans: float, expected: tuple[int, ...]) -> None:
    """Its own grid times the factor, to what the network can halve; synthetic CT has the config's."""
    whole = read_config("full-size")
    stage = whole.stages[Stage.FULL_SIZE].model_copy(update={"factor": factor})
    data = whole.data.model_copy(update={"scans": scans, "synthetic": 1 - scans})
    changed = whole.model_copy(update={"stages": {Stage.FULL_SIZE: stage}, "data": data})
    shapes = [(100, 200, 200), (205, 256, 256)]
    cases = [CaseFacts(str(n), Kind.SCAN, "", "", (1.0, 1.0, 1.0), shape, {}) for n, shape in enumerate(shapes)]
    assert largest_size(Stage.FULL_SIZE, changed, cases) == expected


def test_scans_of_different_sizes_do_not_share_a_batch() -> None:
    stage = read_config("full-size").stages[Stage.FULL_SIZE].model_dump(mode="json")
    with pytest.raises(ValueError, match="the batch must be 1"):
        StageConfig.model_validate(json.loads(json.dumps({**stage, "batch": 2})))


def test_the_command_refuses_before_the_first_step_and_leaves_nothing(
    prepare: Callable[..., Any], nnunet: Path, tmp_path: Path
) -> None:
    store, _ = prepare(nnunet)
    words = ["train", "he-luo", "--store", str(store.folder), "--output", str(tmp_path / "run"), "--device", "cpu"]
    refused = CliRunner().invoke(app, [*words, "--stage", "organs", "--memory-limit", "300"])
    assert refused.exit_code == 2
    text = " ".join(refused.stderr.split())
    assert "Training DenseVNet on 96 x 128 x 192 voxels needs 1." in text
    assert "0.3 GB are allowed by the limit given. The largest factor that fits is 0." in text
    assert not (tmp_path / "run").exists()
