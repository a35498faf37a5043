"""A config is understood to the last key, or refused with a message that names it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml
from flareseg.core.errors import FlareError
from flareseg.training.config import PRESETS, OptimiserConfig, dump_config, read_config
from flareseg.training.sample import Stage
from flareseg.training.start import new_network
from torch import nn


@pytest.mark.parametrize("preset", sorted(path.stem for path in PRESETS.glob("*.yaml")))
def test_every_preset_is_understood_and_written_back_alike(preset: str, tmp_path: Path) -> None:
    config = read_config(preset)
    (tmp_path / "again.yaml").write_text(dump_config(config))
    assert read_config(str(tmp_path / "again.yaml")) == config


def test_he_luo_is_their_published_protocol() -> None:
    for stage in read_config("he-luo").stages.values():
        assert (stage.epochs, stage.batch, stage.start) == (600, 1, "he")
        assert (stage.optimiser.name, stage.optimiser.lr) == ("sgd", 0.01)
        assert (stage.schedule.name, stage.schedule.power) == ("poly", 0.9)
        assert (stage.loss.focal, stage.loss.dice) == (1.0, 0.0)


@pytest.mark.parametrize("preset", ["he-luo", "flareseg"])
def test_the_presets_train_the_networks_that_ship(preset: str) -> None:
    config = read_config(preset)
    sizes = {
        stage: sum(p.numel() for p in new_network(stage, settings).parameters())
        for stage, settings in config.stages.items()
    }
    assert sizes == {Stage.ABDOMEN: 1_412_514, Stage.ORGANS: 871_922}


@pytest.mark.parametrize("pair", [("full-size", "plain"), ("full-size-small", "plain-small")])
def test_the_baseline_differs_from_full_size_in_the_network_and_its_savings_alone(pair: tuple[str, str]) -> None:
    ours, plain = (read_config(name) for name in pair)
    stage = plain.stages[Stage.FULL_SIZE]
    assert (stage.network.name, stage.network.options) == ("PlainUNet", {})
    same = {"network": ours.stages[Stage.FULL_SIZE].network, "memory": ours.stages[Stage.FULL_SIZE].memory}
    assert stage.model_copy(update=same) == ours.stages[Stage.FULL_SIZE]
    assert plain.model_copy(update={"name": ours.name, "stages": ours.stages}) == ours


def test_he_luo_and_flareseg_in_small_learn_from_the_same_number_of_samples() -> None:
    small = [read_config(name).stages[Stage.ORGANS] for name in ("he-luo-small", "flareseg-small")]
    assert [stage.epochs * (stage.steps_per_epoch or 0) * stage.batch for stage in small] == [1200, 1200]
    assert small[0].grid == small[1].grid
    he_luo = read_config("he-luo").stages[Stage.ORGANS]
    assert small[0].model_copy(update={"grid": he_luo.grid, "steps_per_epoch": None}) == he_luo


def test_he_initialisation_keeps_the_variance_through_relu() -> None:
    settings = read_config("he-luo").stages[Stage.ORGANS]
    convolution = next(m for m in new_network(Stage.ORGANS, settings).modules() if isinstance(m, nn.Conv3d))
    fan_in = convolution.weight[0].numel()
    assert float(convolution.weight.detach().var()) == pytest.approx(2 / fan_in, rel=0.1)


def test_a_network_can_start_from_the_shipped_weights() -> None:
    settings = read_config("flareseg").stages[Stage.ORGANS].model_copy(update={"start": "shipped"})
    one, other = new_network(Stage.ORGANS, settings), new_network(Stage.ORGANS, settings)
    assert all(bool((a == b).all()) for a, b in zip(one.parameters(), other.parameters()))


def test_a_config_extends_another_key_by_key(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("extends: flareseg\nname: mine\ndata: {include: [a*]}\nstages: {organs: {batch: 2}}\n")
    config, base = read_config(str(path)), read_config("flareseg")
    assert (config.name, config.data.include, config.stages[Stage.ORGANS].batch) == ("mine", ("a*",), 2)
    assert config.data.validation_samples == base.data.validation_samples
    assert config.stages[Stage.ABDOMEN] == base.stages[Stage.ABDOMEN]


def test_a_config_that_extends_itself_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: {path}\n")
    with pytest.raises(FlareError, match="extends itself"):
        read_config(str(path))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"stages": {"lungs": {}}}, "stages.lungs"),
        ({"stages": {"organs": {"grid": [96, 128, 100]}}}, "divisible by 8"),
        (
            {"stages": {"organs": {"network": {"name": "VNet"}}}},
            "unknown network VNet; known are RoiUNet, DenseVNet, MemoryEfficientFCN, PlainUNet",
        ),
        ({"stages": {"organs": {"network": {"name": "DenseVNet", "options": {"depth": 3}}}}}, "do not fit the network"),
        ({"stages": {"organs": {"fresh": 9}}}, "more fresh samples"),
        ({"stages": {"organs": {"loss": {"focal": 0, "dice": 0}}}}, "weights of both losses are zero"),
        ({"data": {"synthetic": 0, "scans": 0}}, "both zero"),
        ({"stages": {"organs": {"optimiser": {"name": "adamw", "lr": -1}}}}, "lr"),
    ],
)
def test_what_is_not_understood_is_named(change: dict[str, object], named: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(yaml.safe_dump({"extends": "flareseg", **change}))
    with pytest.raises(FlareError, match=named) as caught:
        read_config(str(path))
    assert caught.value.kind == "bad_config"


@pytest.mark.parametrize("text", ["a: [", "- 1", ""])
def test_what_is_not_a_config_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(FlareError):
        read_config(str(path))


def test_an_unknown_name_lists_the_presets() -> None:
    with pytest.raises(FlareError, match="a preset: flareseg"):
        read_config("nothing")


def test_an_optimiser_has_no_momentum_no_decay_and_no_bound_unless_its_config_says_so() -> None:
    optimiser = OptimiserConfig(name="sgd", lr=0.1)
    assert (optimiser.momentum, optimiser.weight_decay, optimiser.max_grad_norm) == (0.0, 0.0, None)


@pytest.mark.parametrize("preset", ["full-size", "plain"])
def test_a_network_for_whole_scans_begins_with_a_hundredth_of_each_organ(preset: str) -> None:
    settings = read_config(preset).stages[Stage.FULL_SIZE]
    network = new_network(Stage.FULL_SIZE, settings).eval()
    with torch.no_grad():
        shares = network(torch.randn(1, 1, 32, 32, 32)).softmax(dim=1).mean(dim=(0, 2, 3, 4))
    assert shares.tolist() == pytest.approx([0.96, 0.01, 0.01, 0.01, 0.01], abs=0.005)
