"""Memory of training: counted without allocating it, as it is measured, and refused where it cannot suffice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from flareseg.cli.app import app
from flareseg.core.errors import ConfigError
from flareseg.inference.live_bytes import LiveBytes
from flareseg.training.config import StageConfig, TrainingConfig, read_config
from flareseg.training.memory import count_step
from flareseg.training.room import Room, require_room
from flareseg.training.run_memory import Samples, count_run
from flareseg.training.sample import Stage
from flareseg.training.store import CaseFacts, Kind
from training.makers import tiny_config
from typer.testing import CliRunner

CPU, GPU = torch.device("cpu"), torch.device("cuda")
FCN = "MemoryEfficientFCN"
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


def test_a_step_on_a_whole_scan_takes_4_9_gb_where_the_plain_network_takes_47_6() -> None:
    """The whole scan of 160 x 512 x 512 voxels in float32, counted; nothing of that size is allocated."""
    plain, ours = (count_step(Stage.FULL_SIZE, each) for each in (settings("PlainUNet"), settings(FCN, **SAVINGS)))
    assert plain.peak_mb == pytest.approx(47_570, rel=0.01)
    assert ours.peak_mb == pytest.approx(4_947, rel=0.01)
    assert ours.parameters < 0.3 * plain.parameters


def test_in_bfloat16_a_step_on_a_whole_scan_takes_3_gb() -> None:
    assert peak_mb(FCN, "bf16-mixed", **SAVINGS) == pytest.approx(3_028, rel=0.01)


@pytest.mark.parametrize(
    ("memory", "share"),
    [
        ({}, 0.45),
        ({"checkpoint": True}, 0.21),
        ({"in_place": True}, 0.37),
        ({"loss_slab": 8}, 0.33),
        ({"saved": "bfloat16"}, 0.30),
        (SAVINGS, 0.105),
        ({**SAVINGS, "saved": "bfloat16"}, 0.115),
    ],
    ids=["none", "checkpoint", "in place", "loss by slabs", "rounded", "all that are exact", "all"],
)
def test_each_saving_lowers_the_peak_below_a_share_of_the_plain_networks(memory: dict[str, Any], share: float) -> None:
    assert peak_mb(FCN, **memory) < share * 47_570


def test_checkpoints_lower_the_peak_of_dense_vnet_on_the_whole_scan_from_40_to_25_percent() -> None:
    assert peak_mb("DenseVNet") < 0.41 * 47_570
    assert peak_mb("DenseVNet", checkpoint=True) < 0.25 * 47_570


def test_the_loss_by_slabs_keeps_less_of_the_plain_network_too() -> None:
    """The five classes of each voxel in float32 are 839 MB; the whole loss keeps several such tensors."""
    whole, slabs = (count_step(Stage.FULL_SIZE, settings("PlainUNet", loss_slab=slices)) for slices in (None, 8))
    assert slabs.kept_mb < whole.kept_mb - 4 * 839


CUBE, LOW = (64, 64, 64), (48, 160, 160)
ALL = Samples(CUBE, CUBE)


def config(**changes: Any) -> TrainingConfig:
    """Of three samples of 64 x 64 x 64 voxels a step, none of them replayed."""
    network = {"name": "RoiUNet", "options": {"widths": [8, 16]}}
    return tiny_config(**{"network": network, "grid": CUBE, "fresh": None, **changes})


def refusal(config: TrainingConfig, free_mb: float, samples: Samples = ALL, precision: str = "32-true") -> str:
    (stage,) = config.stages
    with pytest.raises(ConfigError) as caught:
        require_room(stage, config, samples, precision, GPU, Room(free_mb, " by the limit given", True))
    return str(caught.value)


def test_a_run_that_cannot_fit_is_refused_with_what_it_needs_and_the_largest_batch() -> None:
    """Three samples take half as much again as two."""
    needed = require_room(Stage.ORGANS, config(), ALL, "32-true", GPU, Room(1e6)).peak_mb
    text = refusal(config(), 0.7 * needed)
    assert f"Training RoiUNet on 64 x 64 x 64 voxels needs {needed / 1000:.1f} GB of memory; " in text
    assert "GB are allowed by the limit given. The largest `batch` that fits is 2: set it so" in text
    assert text.endswith("or switch on saved: bfloat16, loss_slab: 8 under `memory`.")


def test_where_no_batch_fits_one_sample_on_a_smaller_grid_is_advised_and_fits() -> None:
    needed = require_room(Stage.ORGANS, config(), ALL, "32-true", GPU, Room(1e6)).peak_mb
    text = refusal(config(), 0.15 * needed)
    assert "With `batch: 1` the largest `grid` that fits is about [48, 48, 48]: set it so" in text
    require_room(Stage.ORGANS, config(batch=1, grid=[48, 48, 48]), ALL, "32-true", GPU, Room(0.15 * needed))


def test_where_nothing_fits_that_is_said() -> None:
    assert "No smaller grid fits" in refusal(config(), 0.01)
    assert "No smaller grid fits" in refusal(only(read_config("he-luo"), Stage.ABDOMEN), 1.0, Samples((96,) * 3, FULL))
    assert "No smaller grid fits" in refusal(read_config("plain-small"), 1.0)


def only(config: TrainingConfig, stage: Stage) -> TrainingConfig:
    return config.model_copy(update={"stages": {stage: config.stages[stage]}})


def test_the_factor_that_is_advised_fits_the_largest_scan_and_a_hundredth_more_does_not() -> None:
    """The network's grid goes in steps of 16 voxels: 80 slices become 64 with the one, and stay with the other."""
    whole, samples = read_config("full-size"), Samples((80, 256, 256), (80, 256, 256))
    text = refusal(whole, 400, samples)
    assert "Training MemoryEfficientFCN on 80 x 256 x 256 voxels needs 0.6 GB of memory; 0.4 GB are allowed" in text
    assert text.endswith("The largest `factor` that fits is 0.80: set it so.")  # rounding would raise the peak
    stage = whole.stages[Stage.FULL_SIZE]
    for factor, fits in ((0.8, True), (0.81, False)):
        changed = stage.model_copy(update={"factor": factor})
        needed = count_run(Stage.FULL_SIZE, changed, whole.data, samples.resized(changed), "32-true", GPU).peak_mb
        assert (needed <= 400) is fits


def test_savings_that_do_not_suffice_are_not_offered_as_a_way_out() -> None:
    """With both of them the plain network still takes 33 of its 48 GB."""
    text = refusal(read_config("plain"), 8000, Samples(FULL, FULL))
    assert "set it so; with saved: bfloat16, loss_slab: 8 under `memory` a larger one may fit." in text


def test_rounding_is_offered_only_where_exact_savings_do_not_suffice_and_numbers_are_not_rounded_already() -> None:
    whole, samples = read_config("full-size"), Samples((80, 256, 256), (80, 256, 256))
    stage = whole.stages[Stage.FULL_SIZE]
    without = stage.model_copy(update={"memory": stage.memory.model_copy(update={"loss_slab": None})})
    config = whole.model_copy(update={"stages": {Stage.FULL_SIZE: without}})
    assert refusal(config, 1000, samples).endswith("set it so, or switch on loss_slab: 8 under `memory`.")
    assert "saved" not in refusal(config, 300, samples, "bf16-mixed")


def test_where_making_a_sample_decides_that_is_said_and_no_saving_is_advised() -> None:
    text = refusal(read_config("full-size"), 130, Samples(LOW, LOW), "bf16-mixed")
    assert "Making a sample on 48 x 160 x 160 voxels needs 0.2 GB of memory; 0.1 GB are allowed" in text
    assert text.endswith("set it so.")


def test_samples_that_are_replayed_stay_on_the_device_and_those_of_validation_in_main_memory() -> None:
    """96 x 128 x 192 voxels: 64 samples of 7 bytes a voxel are replayed, those of validation have 9."""
    flareseg = read_config("flareseg")
    stage, samples = flareseg.stages[Stage.ORGANS], Samples((96, 128, 192), (96, 128, 192))
    counted = {
        kind: count_run(Stage.ORGANS, stage, flareseg.data, samples, "32-true", torch.device(kind))
        for kind in ("cuda", "cpu")
    }
    replayed = 64 * 96 * 128 * 192 * 7 / 1e6
    held_out = flareseg.data.validation_samples * 96 * 128 * 192 * 9 / 1e6
    assert counted["cuda"].kept_mb == pytest.approx(replayed)
    assert counted["cuda"].main_mb == pytest.approx(held_out)
    assert (counted["cpu"].kept_mb, counted["cpu"].main_mb) == (pytest.approx(replayed + held_out), 0)


def test_too_little_main_memory_beside_a_gpu_is_refused() -> None:
    scans = Samples(CUBE, CUBE, scans_mb=6000.0)
    with pytest.raises(ConfigError, match=r"keeps 6.0 GB in main memory; 2.0 GB are free\. Lower `scans_memory_mb`"):
        require_room(Stage.ORGANS, config(), scans, "32-true", GPU, Room(1e6), Room(2000.0))


def test_without_a_limit_the_room_is_what_is_free() -> None:
    assert 100 < Room.of(CPU).free_mb < 1e9
    assert Room.of(CPU, 12.0) == Room(12.0, " by the limit given", True)


@pytest.mark.parametrize(
    ("factor", "scans", "trained", "made"),
    [
        (1.0, 1.0, (205, 256, 256), (300, 256, 256)),
        (1.0, 0.0, FULL, FULL),
        (None, 1.0, (100, 200, 200), (100, 200, 200)),
    ],
)
def test_the_largest_scan_that_is_drawn_counts(
    factor: float | None, scans: float, trained: tuple[int, ...], made: tuple[int, ...]
) -> None:
    """A scan without trusted labels is never drawn; one that is held out is made, but not trained on."""
    whole = read_config("full-size")
    stage = whole.stages[Stage.FULL_SIZE].model_copy(update={"factor": factor})
    data = whole.data.model_copy(update={"scans": scans, "synthetic": 1 - scans})
    training = [case((100, 200, 200)), case((205, 256, 256)), case((400, 512, 512), untrusted=["liver"])]
    found = Samples.of(stage, data, training, [case((300, 256, 256))])
    assert (found.trained, found.made) == (trained, made)


def test_scans_in_memory_count_up_to_what_the_config_allows() -> None:
    """Three bytes a voxel; those of training and of validation are kept apart."""
    whole = read_config("full-size")
    data = whole.data.model_copy(update={"scans": 1.0, "scans_memory_mb": 100.0})
    stage = whole.stages[Stage.FULL_SIZE]
    found = Samples.of(stage, data, [case((160, 512, 512))], [case((100, 200, 200))])
    assert found.scans_mb == pytest.approx(100 + 12)


def case(shape: tuple[int, int, int], untrusted: Sequence[str] = ()) -> CaseFacts:
    return CaseFacts(str(shape), Kind.SCAN, "", "", (1.0, 1.0, 1.0), shape, {}, list(untrusted))


def test_kept_in_main_memory_a_step_takes_less_of_the_gpu_and_what_is_kept_is_counted_there() -> None:
    kept = count_step(Stage.FULL_SIZE, settings("PlainUNet", saved="cpu"))
    on_cpu = count_step(Stage.FULL_SIZE, settings("PlainUNet", saved="cpu"), device="cpu")
    as_is = count_step(Stage.FULL_SIZE, settings("PlainUNet"), device="cpu")
    assert kept.peak_mb < 0.4 * 47_570
    assert kept.main_mb > 30_000
    assert (on_cpu.peak_mb, on_cpu.main_mb) == (as_is.peak_mb, 0)


def test_no_weights_to_start_from_are_shipped_for_whole_scans() -> None:
    with pytest.raises(ValueError, match="no weights are shipped for whole scans"):
        tiny_config("full_size", start="shipped")


def test_factorised_convolutions_are_not_trained_in_bfloat16_on_a_cpu(
    prepare: Callable[..., Any], nnunet: Path, tmp_path: Path
) -> None:
    store, _ = prepare(nnunet)
    stages = {"full_size": {"network": {"name": FCN, "options": {"convolution": "factorised"}}}}
    half = {"extends": "full-size-small", "precision": "bf16-mixed", "stages": stages}
    (tmp_path / "half.yaml").write_text(json.dumps(half))
    words = ["train", str(tmp_path / "half.yaml"), "--store", str(store.folder), "--output", str(tmp_path / "run")]
    refused = CliRunner().invoke(app, [*words, "--device", "cpu"])
    assert refused.exit_code == 2
    assert "factorised convolutions have wrong gradients in bfloat16" in " ".join(refused.stderr.split())


def test_a_factor_is_of_whole_scans() -> None:
    with pytest.raises(ValueError, match="a `factor` is for stages that take whole scans"):
        tiny_config(factor=0.5, batch=1, fresh=None)


@pytest.mark.parametrize(
    ("network", "grid"), [("PlainUNet", [16, 16, 16]), ("DenseVNet", [8, 8, 8]), (FCN, [16, 16, 16])]
)
def test_a_grid_of_which_one_voxel_is_left_on_the_coarsest_level_is_refused(network: str, grid: list[int]) -> None:
    with pytest.raises(ValueError, match=f"the grid is too small for {network}: one of its sizes must be above"):
        tiny_config(network={"name": network}, grid=grid)


def test_checking_a_config_draws_no_random_numbers() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    stage = read_config("full-size").stages[Stage.FULL_SIZE]
    stage.own_grid((100, 200, 200))
    assert torch.equal(torch.get_rng_state(), before)


def test_scans_of_different_sizes_do_not_share_a_batch() -> None:
    stage = read_config("full-size").stages[Stage.FULL_SIZE].model_dump(mode="json")
    with pytest.raises(ValueError, match="the batch must be 1"):
        StageConfig.model_validate(json.loads(json.dumps({**stage, "batch": 2})))


def test_all_stages_are_asked_before_the_first_one_trains(
    prepare: Callable[..., Any], nnunet: Path, tmp_path: Path
) -> None:
    store, _ = prepare(nnunet)
    small = {"extends": "he-luo", "stages": {"abdomen": {"grid": [32, 32, 32], "epochs": 1}}}
    (tmp_path / "small.yaml").write_text(json.dumps(small))
    words = ["train", str(tmp_path / "small.yaml"), "--store", str(store.folder), "--device", "cpu"]
    refused = CliRunner().invoke(app, [*words, "--output", str(tmp_path / "run"), "--memory-limit", "300"])
    assert refused.exit_code == 2
    assert "Training DenseVNet" in " ".join(refused.stderr.split())
    assert not (tmp_path / "run").exists()


def test_the_command_refuses_before_the_first_step_and_leaves_nothing(
    prepare: Callable[..., Any], nnunet: Path, tmp_path: Path
) -> None:
    store, _ = prepare(nnunet)
    words = ["train", "he-luo", "--store", str(store.folder), "--output", str(tmp_path / "run"), "--device", "cpu"]
    refused = CliRunner().invoke(app, [*words, "--stage", "organs", "--memory-limit", "300"])
    assert refused.exit_code == 2
    text = " ".join(refused.stderr.split())
    assert "Training DenseVNet on 96 x 128 x 192 voxels needs 1." in text
    assert "0.3 GB are allowed by the limit given. The largest `grid` that fits is about [56, " in text
    assert not (tmp_path / "run").exists()
