"""What a step does to the weights: lr, momentum, decay, clipping, averaging; against numbers worked out by hand."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from flareseg.core.organs import CLASSES
from flareseg.inference.networks import build
from flareseg.training.batches import Batches, Mixture, TrainingBatch
from flareseg.training.checkpoint import average_weights, read
from flareseg.training.config import OptimiserConfig
from flareseg.training.optimiser import new_optimiser
from flareseg.training.sample import Stage
from flareseg.training.start import new_network
from flareseg.training.trainer import BEST, CHECKPOINT
from flareseg.training.validation import Score, Validation
from torch import Tensor, nn
from training.makers import Balls, SilentWatcher, tiny_config, tiny_trainer

POLY = {"name": "poly", "power": 2.0}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small are slower on several threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def weight_after(steps: int, **config: Any) -> float:
    """Of one weight that begins at 1 and whose gradient is always 0.5."""
    layer = nn.Linear(1, 1, bias=False)
    nn.init.ones_(layer.weight)
    optimiser = new_optimiser(layer, OptimiserConfig(lr=0.1, **config))
    for _ in range(steps):
        layer.weight.grad = torch.full((1, 1), 0.5)
        optimiser.step()
    return layer.weight.item()


@pytest.mark.parametrize(
    ("momentum", "decay", "expected"),
    [
        (0.0, 0.0, 0.9),  # 1 - 2 x 0.1 x 0.5
        (0.5, 0.0, 0.875),  # the second step is 0.1 x (0.5 + 0.5 x 0.5)
        (0.0, 0.2, 0.8614),  # gradients 0.5 + 0.2 and 0.5 + 0.2 x 0.93
        (0.5, 0.2, 0.8264),
    ],
)
def test_sgd_has_the_momentum_and_the_weight_decay_of_its_config(
    momentum: float, decay: float, expected: float
) -> None:
    assert weight_after(2, name="sgd", momentum=momentum, weight_decay=decay) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("decay", "expected"), [(0.0, 0.9), (0.2, 0.88)])
def test_adamw_takes_the_weight_decay_apart_from_the_gradient(decay: float, expected: float) -> None:
    assert weight_after(1, name="adamw", weight_decay=decay) == pytest.approx(expected, abs=1e-6)


def test_every_step_is_taken_at_the_rate_of_the_schedule(tmp_path: Path) -> None:
    """0.08 x (1 - epoch / 4) squared, in epochs of two steps."""

    class Rates(SilentWatcher):
        def advanced(self, step: int, loss: float, score: object, lr: float) -> None:
            told.append(lr)

    told: list[float] = []
    config = tiny_config(optimiser={"name": "sgd", "lr": 0.08}, schedule=POLY, epochs=4, steps_per_epoch=2)
    tiny_trainer(tmp_path, config, Rates()).train()
    rates = [0.08, 0.08, 0.045, 0.045, 0.02, 0.02, 0.005, 0.005]
    assert told == pytest.approx(rates)
    rows = list(csv.DictReader((tmp_path / "log.csv").open()))
    assert [float(row["lr"]) for row in rows if row["lr"]] == pytest.approx(rates)
    assert read(tmp_path / CHECKPOINT)[0]["groups"][0]["lr"] == pytest.approx(0.005)


@pytest.mark.parametrize(("bound", "expected"), [(0.01, 0.02), (0.05, 0.10)])
def test_the_gradient_is_clipped_to_the_configs_norm(bound: float, expected: float, tmp_path: Path) -> None:
    """One step at lr 2 goes twice as far as the bound; the gradient itself is longer."""
    optimiser = {"name": "sgd", "lr": 2.0, "max_grad_norm": bound}
    config = tiny_config(optimiser=optimiser, schedule=POLY, epochs=1, steps_per_epoch=1)
    tiny_trainer(tmp_path, config).train()
    assert distance_gone(tmp_path, config) == pytest.approx(expected, rel=1e-3)


def test_without_a_bound_a_step_is_as_long_as_its_gradient(tmp_path: Path) -> None:
    config = tiny_config(optimiser={"name": "sgd", "lr": 2.0}, schedule=POLY, epochs=1, steps_per_epoch=1)
    tiny_trainer(tmp_path, config).train()
    assert distance_gone(tmp_path, config) > 0.2


def test_no_step_sees_the_gradient_of_an_earlier_one(tmp_path: Path) -> None:
    """Four small steps on one and the same batch go four times as far as one."""
    gone = []
    for steps in (1, 4):
        schedule = {"name": "poly", "power": 1e-9}
        config = tiny_config(optimiser={"name": "sgd", "lr": 1e-3}, schedule=schedule, epochs=steps, steps_per_epoch=1)
        folder = tmp_path / str(steps)
        tiny_trainer(folder, config, batches=OneBatch()).train()
        gone.append(distance_gone(folder, config))
    assert gone[1] == pytest.approx(4 * gone[0], rel=0.05)


def test_batch_norm_learns_what_it_sees(tmp_path: Path) -> None:
    config = tiny_config(network={"name": "DenseVNet"}, batch=1, fresh=1, epochs=1, steps_per_epoch=1)
    tiny_trainer(tmp_path, config).train()
    _, tensors = read(tmp_path / CHECKPOINT)
    assert float(tensors["network/input_norm.running_mean"]) != 0


def test_the_moving_average_is_what_is_validated_and_kept(tmp_path: Path) -> None:
    """Not the weights of the last step, which score otherwise."""
    config, watcher = tiny_config(epochs=1, steps_per_epoch=6), SilentWatcher()
    tiny_trainer(tmp_path, config, watcher).train()
    facts, tensors = read(tmp_path / BEST)
    last = {
        name.removeprefix("network/"): t for name, t in read(tmp_path / CHECKPOINT)[1].items() if "network/" in name
    }
    told, averaged, raw = watcher.validations[-1], scored(average_weights(tensors)), scored(last)
    assert told.dice == averaged.dice
    assert told.dice != raw.dice
    assert facts["progress"]["best_step"] == 6


class Falling:
    """A validation whose scores are set."""

    def __init__(self, *means: float) -> None:
        self._means = iter(means)

    def score(self, network: nn.Module) -> Score:
        return Score({"Liver": next(self._means)})


def test_a_later_validation_that_is_no_better_does_not_replace_the_best(tmp_path: Path) -> None:
    tiny_trainer(tmp_path, validation=Falling(0.2, 0.5, 0.5)).train()
    progress = read(tmp_path / BEST)[0]["progress"]
    assert (progress["best"], progress["best_step"], progress["step"]) == (0.5, 8, 8)
    progress = read(tmp_path / CHECKPOINT)[0]["progress"]
    assert (progress["best"], progress["best_step"], progress["step"]) == (0.5, 8, 12)


def test_every_second_epoch_and_the_last_are_validated_when_the_config_says_two(tmp_path: Path) -> None:
    watcher = SilentWatcher()
    config = tiny_config(epochs=3).model_copy(update={"validate_every_epochs": 2})
    tiny_trainer(tmp_path, config, watcher, validation=Falling(0.1, 0.2)).train()
    assert [score.mean for score in watcher.validations] == [0.1, 0.2]
    assert read(tmp_path / BEST)[0]["progress"]["best_step"] == 12


def test_the_checkpoint_counts_samples_and_seconds_of_the_whole_run(tmp_path: Path) -> None:
    clock = iter(range(10_000))
    tiny_trainer(tmp_path, clock=lambda: float(next(clock))).train()
    progress = read(tmp_path / CHECKPOINT)[0]["progress"]
    assert (progress["samples"], progress["seconds"]) == (36, 12.0)  # twelve steps of three samples and one second


class InTurn:
    """Batches that show one organ each, one after the other."""

    def batch(self, step: int) -> TrainingBatch:
        return TrainingBatch(torch.zeros(1, 1, 16, 16, 16), torch.full((1, 1, 16, 16, 16), 1 + step % 4))


def test_the_dice_that_is_told_is_that_of_the_steps_since_the_last_time(tmp_path: Path) -> None:
    class Shown(SilentWatcher):
        def advanced(self, step: int, loss: float, score: Score, lr: float) -> None:
            told.append(list(score.dice))

    told: list[list[str]] = []
    tiny_trainer(tmp_path, tiny_config(epochs=1), Shown(), batches=InTurn()).train()
    assert told == [["Liver"], ["Kidneys"], ["Spleen"], ["Pancreas"]]


def half_minutes() -> Callable[[], float]:
    """A clock that is 30 s on at each look: a step, which looks twice, takes a minute."""
    clock = iter(range(0, 10_000, 30))
    return lambda: float(next(clock))


def test_training_for_three_minutes_ends_after_the_step_that_exceeds_them(tmp_path: Path) -> None:
    trainer = tiny_trainer(tmp_path, clock=half_minutes())
    assert trainer.train(minutes=3) is False
    assert trainer.progress.step == 4


def test_the_state_is_saved_when_three_minutes_have_passed(tmp_path: Path) -> None:
    class Stopped(BaseException):
        pass

    class Stopper(SilentWatcher):
        def advanced(self, step: int, *figures: object) -> None:
            if step == 7:
                raise Stopped

    with pytest.raises(Stopped):
        tiny_trainer(tmp_path, watcher=Stopper(), clock=half_minutes()).train()
    assert read(tmp_path / CHECKPOINT)[0]["progress"]["step"] == 4


class OneBatch:
    """The first batch of balls at every step."""

    def __init__(self) -> None:
        settings = tiny_config().stages[Stage.ORGANS]
        self._first = Batches(Mixture([Balls()], [1.0]), Stage.ORGANS, settings, 5, torch.device("cpu")).batch(0)

    def batch(self, step: int) -> TrainingBatch:
        return self._first


def distance_gone(folder: Path, config: Any) -> float:
    """Length of the way from a run's first weights, which follow from its seed, to its last."""
    torch.manual_seed(config.seed)
    first = new_network(Stage.ORGANS, config.stages[Stage.ORGANS]).state_dict()
    _, tensors = read(folder / CHECKPOINT)
    squares = sum(
        float((tensors[f"network/{name}"] - tensor).double().square().sum()) for name, tensor in first.items()
    )
    return squares**0.5


def scored(weights: dict[str, Tensor]) -> Any:
    """What the validation of a tiny trainer says of some weights."""
    config = tiny_config()
    settings = config.stages[Stage.ORGANS]
    network = build("RoiUNet", CLASSES, {"widths": [4, 8]})
    network.load_state_dict(weights)
    batches = Batches(Mixture([Balls()], [1.0]), Stage.ORGANS, settings, config.seed + 1, torch.device("cpu"))
    return Validation(batches, Stage.ORGANS, samples=2).score(network)
