"""A recorded network gives what the network gives, for every input of its shape."""

from __future__ import annotations

import pytest
import torch
from flareseg.inference.recorded import RecordedNetwork
from inference.gpu_stand_ins import on_the_same_memory
from torch import nn

SHAPE = (1, 1, 4, 5, 6)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv3d(1, 2, 3, padding=1).eval()


@pytest.fixture
def recorded(network: nn.Module) -> RecordedNetwork:
    return RecordedNetwork(network, torch.zeros(SHAPE), on_the_same_memory)


def test_every_input_gives_its_own_result(network: nn.Module, recorded: RecordedNetwork) -> None:
    inputs = torch.randn(3, *SHAPE)
    found = [recorded(x) for x in inputs]
    for x, result in zip(inputs, found):
        torch.testing.assert_close(result, network(x).detach())


def test_the_input_stays_as_it_is(recorded: RecordedNetwork) -> None:
    x = torch.ones(SHAPE)
    recorded(x)
    recorded(torch.zeros(SHAPE))
    assert bool((x == 1).all())


def test_an_input_of_another_shape_is_refused(recorded: RecordedNetwork) -> None:
    with pytest.raises(ValueError, match="recorded for an input of"):
        recorded(torch.zeros(1, 1, 4, 5, 1))


def test_the_weights_live_as_long_as_the_recording(network: nn.Module, recorded: RecordedNetwork) -> None:
    assert set(recorded.parameters()) == set(network.parameters())
