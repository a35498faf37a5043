"""The moving average of the weights."""

import pytest
import torch
from flareseg.training.averaging import averaged
from torch import nn


def one_weight(value: float) -> nn.Linear:
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, value)
    return network


def weight_of(average: nn.Module) -> float:
    return float(next(iter(average.module.parameters())).detach())  # type: ignore[union-attr, arg-type]


def test_the_average_settles_on_weights_that_stay() -> None:
    network = one_weight(0.0)
    average = averaged(network, decay=0.9)
    average.update_parameters(network)
    nn.init.constant_(network.weight, 1.0)
    for _ in range(100):
        average.update_parameters(network)
    assert 0.99 < weight_of(average) <= 1.0


def test_the_first_weights_are_soon_forgotten_however_slow_the_average() -> None:
    network = one_weight(100.0)
    average = averaged(network, decay=0.998)
    average.update_parameters(network)
    nn.init.constant_(network.weight, 1.0)
    for _ in range(40):
        average.update_parameters(network)
    assert weight_of(average) < 2.0


def test_without_a_decay_the_average_is_the_network_itself() -> None:
    network = one_weight(1.0)
    average = averaged(network, decay=None)
    for value in (2.0, 3.0):
        nn.init.constant_(network.weight, value)
        average.update_parameters(network)
        assert weight_of(average) == value


def test_what_batch_norm_has_seen_is_averaged_too() -> None:
    network = nn.BatchNorm1d(1)
    average = averaged(network, decay=0.5)
    for _ in range(3):
        network(torch.tensor([[9.0], [11.0]]))
        average.update_parameters(network)
    assert 0 < float(average.module.running_mean) < float(network.running_mean)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("decay", "expected"),
    [
        (0.998, [0.0, 0.904762, 0.987013]),  # the old value counts 2/21, then 3/22
        (0.05, [0.0, 0.95, 0.9975]),
    ],
)
def test_the_average_moves_by_its_decay_or_faster_at_first(decay: float, expected: list[float]) -> None:
    network, found = one_weight(0.0), []
    average = averaged(network, decay)
    for _ in range(3):
        average.update_parameters(network)
        found.append(weight_of(average))
        nn.init.constant_(network.weight, 1.0)
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_count_of_batches_is_copied() -> None:
    network = nn.BatchNorm1d(1)
    average = averaged(network, decay=0.9)
    for _ in range(3):
        network(torch.tensor([[9.0], [11.0]]))
        average.update_parameters(network)
    assert int(average.module.num_batches_tracked) == 3  # type: ignore[arg-type]
