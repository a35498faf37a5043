"""The training loop: it learns, it resumes exactly, and it never loses a run."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from flareseg.core.errors import Cancelled, ConfigError, FlareError
from flareseg.training.batches import TrainingBatch
from flareseg.training.checkpoint import read
from flareseg.training.trainer import BEST, CHECKPOINT
from lightning_fabric import Fabric
from training.makers import SilentWatcher, tiny_config, tiny_trainer


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert tiny_trainer(folder).train()
    return folder


def weights(folder: Path, name: str = CHECKPOINT) -> dict[str, torch.Tensor]:
    return read(folder / name)[1]


def test_a_tiny_network_learns_to_find_balls(tmp_path: Path) -> None:
    watcher = SilentWatcher()
    tiny_trainer(tmp_path, tiny_config(epochs=10, steps_per_epoch=30), watcher).train()
    (_, first), (_, last) = watcher.reports[0], watcher.reports[-1]
    assert last < 0.2 * first
    assert min(watcher.validations[-1].dice.values()) > 0.8


def test_a_run_that_was_ended_and_resumed_equals_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    with pytest.raises(Cancelled):
        tiny_trainer(tmp_path, watcher=SilentWatcher(end_at=5)).train()
    assert read(tmp_path / CHECKPOINT)[0]["progress"]["step"] == 5
    assert tiny_trainer(tmp_path).train()
    resumed, unbroken = weights(tmp_path), weights(whole)
    assert resumed.keys() == unbroken.keys()
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)


def test_a_run_goes_on_from_its_last_checkpoint_after_a_kill(whole: Path, tmp_path: Path) -> None:
    """Killed between checkpoints: the steps since are lost, and made again the same."""

    class Killed(BaseException):
        pass

    class Killer(SilentWatcher):
        def advanced(self, step: int, *figures: object) -> None:
            if step == 7:
                raise Killed

    clock = iter(range(0, 10_000, 61))  # each look at the clock is a minute later: a checkpoint each other step
    with pytest.raises(Killed):
        tiny_trainer(tmp_path, watcher=Killer(), clock=lambda: float(next(clock))).train()
    assert 0 < read(tmp_path / CHECKPOINT)[0]["progress"]["step"] < 7
    assert tiny_trainer(tmp_path).train()
    assert all(torch.equal(tensor, weights(whole)[name]) for name, tensor in weights(tmp_path).items())


def test_training_for_some_minutes_stops_in_time_and_is_not_complete(tmp_path: Path) -> None:
    clock = iter(range(0, 10_000, 30))
    trainer = tiny_trainer(tmp_path, clock=lambda: float(next(clock)))
    assert trainer.train(minutes=3) is False
    assert 0 < trainer.progress.step < trainer.steps


def test_the_best_validation_is_kept(whole: Path) -> None:
    facts, _ = read(whole / BEST)
    rows = list(csv.DictReader((whole / "log.csv").open()))
    best = max(
        sum(float(value) for name, value in row.items() if name.startswith("validation ")) / 4
        for row in rows
        if row["validation Liver"]
    )
    assert facts["progress"]["best"] == pytest.approx(best)


def test_the_log_holds_loss_rate_and_dice_of_every_organ(whole: Path) -> None:
    rows = list(csv.DictReader((whole / "log.csv").open()))
    assert {"step", "loss", "lr", "dice Liver", "validation Pancreas"} <= set(rows[0])
    assert [int(float(row["step"])) for row in rows if row["loss"]] == list(range(1, 13))
    assert (whole / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((whole / "tensorboard").iterdir())


@pytest.mark.parametrize(
    "network", [{"name": "RoiUNet", "options": {"widths": [4, 8]}}, {"name": "DenseVNet"}], ids=["RoiUNet", "DenseVNet"]
)
def test_a_loss_that_is_not_finite_stops_the_run_with_good_weights_saved(
    network: dict[str, object], tmp_path: Path
) -> None:
    """Batch norm has seen the bad batch by then: what it knew before is saved."""
    config = tiny_config(network=network, batch=1, fresh=1)
    good = tiny_trainer(tmp_path / "other", config).batches
    trainer = tiny_trainer(tmp_path, config, batches=SpoiledBatches(good, at=3))
    with pytest.raises(FlareError, match="not finite at step 3; the run is saved") as caught:
        trainer.train()
    assert caught.value.kind == "bad_config"
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values() if tensor.is_floating_point())
    assert read(tmp_path / CHECKPOINT)[0]["progress"]["step"] == 3


def test_weights_that_explode_stop_the_run_with_a_message(tmp_path: Path) -> None:
    config = tiny_config(optimiser={"name": "sgd", "lr": 1e30})
    with pytest.raises(FlareError, match="Loss or gradient is not finite"):
        tiny_trainer(tmp_path, config).train()


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")],
    ids=["GPU", "CPU"],
)
def test_out_of_memory_is_a_message_and_a_saved_state(error: RuntimeError, tmp_path: Path) -> None:
    class Hungry:
        def batch(self, step: int) -> TrainingBatch:
            raise error

    with pytest.raises(FlareError, match="memory of the device ran out at step 0; step 0 is saved") as caught:
        tiny_trainer(tmp_path, batches=Hungry()).train()
    assert caught.value.kind == "gpu_memory"
    assert (tmp_path / CHECKPOINT).exists()


class FullAt(Fabric):
    """Runs out of memory in one backward pass, after batch norm has seen the batch."""

    def __init__(self, step: int) -> None:
        super().__init__(accelerator="cpu", devices=1)
        self._left = step

    def backward(self, *args: Any, **kwargs: Any) -> None:
        self._left -= 1
        if self._left < 0:
            raise torch.OutOfMemoryError("CUDA out of memory")
        super().backward(*args, **kwargs)


def test_a_run_resumed_after_a_backward_pass_without_memory_equals_one_that_was_not_stopped(tmp_path: Path) -> None:
    config = tiny_config(network={"name": "DenseVNet"}, epochs=1)
    assert tiny_trainer(tmp_path / "whole", config).train()
    with pytest.raises(FlareError, match="ran out at step 2; step 2 is saved"):
        tiny_trainer(tmp_path / "broken", config, fabric=FullAt(2)).train()
    assert tiny_trainer(tmp_path / "broken", config).train()
    resumed, unbroken = weights(tmp_path / "broken"), weights(tmp_path / "whole")
    assert all(torch.equal(resumed[name], unbroken[name]) for name in unbroken)


def test_a_trainer_leaves_the_settings_of_its_process_alone(tmp_path: Path) -> None:
    with torch.backends.cudnn.flags(enabled=True, benchmark=False):
        tiny_trainer(tmp_path)
        assert not torch.backends.cudnn.benchmark


def test_a_full_disk_leaves_the_last_checkpoint_whole(small_disk: Path) -> None:
    folder = small_disk / "run"
    with pytest.raises(Cancelled):
        tiny_trainer(folder, watcher=SilentWatcher(end_at=2)).train()
    saved = (folder / CHECKPOINT).read_bytes()
    fill(small_disk)
    with pytest.raises(FlareError, match="cannot be written") as caught:
        tiny_trainer(folder).train()
    assert caught.value.kind == "write"
    assert (folder / CHECKPOINT).read_bytes() == saved


def test_another_config_does_not_resume_a_run(whole: Path) -> None:
    with pytest.raises(FlareError, match="run with another config"):
        tiny_trainer(whole, tiny_config(batch=2))


def test_a_run_of_a_network_with_other_layers_is_not_resumed(whole: Path, tmp_path: Path) -> None:
    """As of an earlier version, the default layers of which were others; the config says nothing of them."""
    facts, tensors = read(whole / CHECKPOINT)
    del tensors[next(name for name in tensors if name.startswith("network/"))]
    safetensors.torch.save_file(tensors, tmp_path / CHECKPOINT, metadata={"flareseg": json.dumps(facts)})
    with pytest.raises(ConfigError, match="is of a network with other layers, of another version"):
        tiny_trainer(tmp_path)


def test_other_cases_do_not_resume_a_run(whole: Path) -> None:
    with pytest.raises(FlareError, match="the store has changed since"):
        tiny_trainer(whole, data="another digest")


def test_a_damaged_checkpoint_is_refused(whole: Path, tmp_path: Path) -> None:
    (tmp_path / CHECKPOINT).write_bytes((whole / CHECKPOINT).read_bytes()[:1000])
    with pytest.raises(FlareError, match="not a complete checkpoint"):
        tiny_trainer(tmp_path)


def test_a_complete_run_has_nothing_left_to_do(whole: Path) -> None:
    trainer = tiny_trainer(whole)
    assert trainer.train()
    assert trainer.progress.step == trainer.steps == 12


class SpoiledBatches:
    """Real batches, of which one holds a NaN."""

    def __init__(self, batches: object, at: int) -> None:
        self._batches, self._at = batches, at

    def batch(self, step: int) -> TrainingBatch:
        batch = self._batches.batch(step)  # type: ignore[attr-defined]
        if step == self._at:
            batch.images[:] = float("nan")
        return batch


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of a few MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("this user may not mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> None:
    free = shutil.disk_usage(disk).free
    (disk / "other").write_bytes(bytes(free))


def test_a_run_from_the_shipped_weights_says_first_what_they_score(tmp_path: Path) -> None:
    """And keeps them as the best until it is better."""
    changes = {"network": {"name": "DenseVNet"}, "start": "shipped", "batch": 1, "fresh": 1, "epochs": 1}
    watcher = SilentWatcher()
    trainer = tiny_trainer(tmp_path, tiny_config(steps_per_epoch=1, **changes), watcher)
    trainer.train()
    assert len(watcher.validations) == 2
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [float(row["step"]) for row in rows if row["validation Liver"]] == [0, 1]
