"""Savings of memory around the network: tensors kept rounded or elsewhere, and the loss slab by slab."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from flareseg.core.errors import Cancelled, ConfigError
from flareseg.inference.networks import build
from flareseg.inference.networks.savings import save_memory
from flareseg.training.batches import TrainingBatch
from flareseg.training.checkpoint import read
from flareseg.training.config import LossConfig, MemoryConfig, dump_config, same_run
from flareseg.training.losses import OrganLoss
from flareseg.training.saved_tensors import Saved, saving
from flareseg.training.slab_loss import loss_by_slabs, upsampled
from flareseg.training.trainer import CHECKPOINT
from strict_gpu import GPU, Moves, strict_gpu
from torch import Tensor, nn
from torch.nn import functional as F
from training.makers import SilentWatcher, tiny_config, tiny_trainer

CPU = torch.device("cpu")
GRID = (12, 16, 20)
LOSSES = [
    LossConfig(focal=5, gamma=1, dice=1, boundary=1, absent=0.2),
    LossConfig(focal=1, gamma=2),
    LossConfig(focal=0, dice=1),
]


def batch(with_shares: bool) -> TrainingBatch:
    """Two samples; the second one shows no spleen and no pancreas."""
    generator = torch.Generator().manual_seed(3)
    labels = torch.randint(0, 5, (2, 1, *GRID), generator=generator, dtype=torch.uint8)
    labels[1][labels[1] > 2] = 0
    shares = torch.cat([(labels == organ) * 200 for organ in range(1, 5)], dim=1).to(torch.uint8)
    return TrainingBatch(torch.zeros(2, 1, *GRID), labels, shares if with_shares else None)


def gradient(
    config: LossConfig, batch: TrainingBatch, coarse: tuple[int, int, int], slices: int | None
) -> list[Tensor]:
    logits = torch.randn(2, 5, *coarse, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    logits.requires_grad_()
    loss = loss_by_slabs(OrganLoss(config), logits, batch, slices)
    loss.backward()
    assert logits.grad is not None
    return [loss.detach(), logits.grad]


@pytest.mark.parametrize("config", LOSSES, ids=["all", "focal", "dice"])
@pytest.mark.parametrize("with_shares", [False, True], ids=["labels", "shares"])
@pytest.mark.parametrize("coarse", [GRID, (12, 8, 10), (6, 8, 10)], ids=["same grid", "in the slices", "halved"])
def test_the_loss_by_slabs_has_the_value_and_the_gradient_of_the_whole(
    config: LossConfig, with_shares: bool, coarse: tuple[int, int, int]
) -> None:
    """Slabs of five slices: the last is shorter, and none meets the coarse slices."""
    samples = batch(with_shares)
    whole, slabs = (gradient(config, samples, coarse, slices) for slices in (None, 5))
    for one, other in zip(whole, slabs):
        assert float(one.norm()) > 0
        assert float((other - one).norm() / one.norm()) < 1e-12


def test_a_slab_of_upsampled_logits_is_that_of_the_whole() -> None:
    logits = torch.randn(1, 2, 6, 4, 5, dtype=torch.float64)
    whole = F.interpolate(logits, GRID, mode="trilinear", align_corners=False)
    for start, stop in ((0, 5), (5, 10), (3, 4), (10, 12), (0, 12)):
        slab = upsampled(logits, torch.Size(GRID), start, stop)
        torch.testing.assert_close(slab, whole[:, :, start:stop])


def gradients(how: Saved, device: torch.device = CPU, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Of a small network whose tensors are kept in this way."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv3d(1, 8, 3, padding=1), nn.BatchNorm3d(8), nn.ReLU(), nn.Conv3d(8, 4, 3, padding=1))
    layers, x = layers.to(device, dtype), torch.randn(1, 1, 24, 24, 24).to(device, dtype)
    with saving(how, device):
        loss = layers(x).square().mean()
    loss.backward()
    return [parameter.grad for parameter in layers.parameters() if parameter.grad is not None]


def test_tensors_kept_in_main_memory_give_the_same_gradients() -> None:
    """They leave the stand-in for a GPU and come back to it, each as often as it is kept."""
    with strict_gpu():
        with Moves() as none:
            expected = gradients("as_is", GPU, torch.float64)
        with Moves() as some:
            found = gradients("cpu", GPU, torch.float64)
        for one, other in zip(expected, found, strict=True):
            assert torch.equal(one.cpu(), other.cpu())
    assert none.from_gpu == 0
    assert some.from_gpu == some.to_gpu - none.to_gpu > 4


def test_tensors_rounded_to_bfloat16_give_gradients_within_one_percent() -> None:
    exact, rounded = gradients("as_is"), gradients("bfloat16")
    for one, other in zip(exact, rounded, strict=True):
        if float(one.norm()) > 1e-4:  # a bias before a norm has none
            assert float((one - other).norm() / one.norm()) < 0.01
    assert any(not torch.equal(one, other) for one, other in zip(exact, rounded))


def test_rounding_costs_three_percent_of_the_gradient_beside_checkpoints() -> None:
    """There the inputs of whole units are rounded, and what is inside is computed again from them."""
    found = []
    for memory in (MemoryConfig(), MemoryConfig(checkpoint=True, in_place=True, saved="bfloat16")):
        torch.manual_seed(0)
        network = build("MemoryEfficientFCN", 5, {"stride": [1, 1, 1]}).train()
        save_memory(network, memory.savings)
        x = torch.randn(1, 1, 24, 32, 32)
        with saving(memory.saved, CPU):
            loss = network(x).square().mean()
        loss.backward()
        found.append(torch.cat([parameter.grad.flatten() for parameter in network.parameters()]))
    error = float((found[1] - found[0]).norm() / found[0].norm())
    assert 0 < error < 0.03


SAVING = {"checkpoint": True, "in_place": True, "loss_slab": 4}
FCN = {
    "name": "MemoryEfficientFCN",
    "options": {"stem": 4, "growth": [4, 4], "units": [1, 1], "skips": [4, 4], "downs": [4], "stride": [1, 1, 1]},
}


def test_a_resumed_run_with_checkpoints_equals_one_that_was_not_stopped(tmp_path: Path) -> None:
    config = tiny_config(network=FCN, memory=SAVING)
    assert tiny_trainer(tmp_path / "whole", config).train()
    with pytest.raises(Cancelled):
        tiny_trainer(tmp_path / "broken", config, SilentWatcher(end_at=5)).train()
    assert tiny_trainer(tmp_path / "broken", config).train()
    whole, broken = (read(tmp_path / name / CHECKPOINT)[1] for name in ("whole", "broken"))
    assert whole.keys() == broken.keys()
    assert all(torch.equal(broken[name], tensor) for name, tensor in whole.items())


def test_a_run_goes_on_with_savings_that_are_exact_but_not_with_rounding(tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        tiny_trainer(tmp_path, tiny_config(network=FCN), SilentWatcher(end_at=5)).train()
    with pytest.raises(ConfigError, match="of a run with another config"):
        tiny_trainer(tmp_path, tiny_config(network=FCN, memory={"saved": "bfloat16"}))
    assert tiny_trainer(tmp_path, tiny_config(network=FCN, memory=SAVING)).progress.step == 5


def test_settings_that_an_older_run_did_not_know_have_their_defaults() -> None:
    now = dump_config(tiny_config())
    older = yaml.safe_load(now)
    del older["stages"]["organs"]["memory"], older["stages"]["organs"]["factor"]
    assert same_run(yaml.safe_dump(older), now)
    older["stages"]["organs"]["epochs"] = 4
    assert not same_run(yaml.safe_dump(older), now)
    assert not same_run("name: of another version", now)


def test_the_network_for_whole_scans_learns_to_find_balls(tmp_path: Path) -> None:
    watcher = SilentWatcher()
    tiny_trainer(tmp_path, tiny_config(network=FCN, memory=SAVING, epochs=16, steps_per_epoch=30), watcher).train()
    assert min(watcher.validations[-1].dice.values()) > 0.9


def test_savings_are_refused_where_the_network_has_none() -> None:
    with pytest.raises(ValueError, match="`memory` does not fit: RoiUNet has no checkpoints"):
        tiny_config(memory=MemoryConfig(checkpoint=True).model_dump())
