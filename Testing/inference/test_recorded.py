"""A recorded network gives what the network gives, for every input of its shape."""

from __future__ import annotations

import pytest
import torch
from flareseg.inference.recorded import Compute, RecordedNetwork, Replay, recorded
from inference.gpu_stand_ins import on_the_same_memory
from torch import nn

SHAPE = (1, 1, 4, 5, 6)


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Conv3d(1, 2, 3, padding=1).eval()


@pytest.fixture
def recording(network: nn.Module) -> RecordedNetwork:
    return RecordedNetwork(network, torch.zeros(SHAPE), on_the_same_memory)


def test_every_input_gives_its_own_result(network: nn.Module, recording: RecordedNetwork) -> None:
    inputs = torch.randn(3, *SHAPE)
    found = [recording(x) for x in inputs]
    for x, result in zip(inputs, found):
        torch.testing.assert_close(result, network(x).detach())


def test_the_input_stays_as_it_is(recording: RecordedNetwork) -> None:
    x = torch.ones(SHAPE)
    recording(x)
    recording(torch.zeros(SHAPE))
    assert bool((x == 1).all())


def test_an_input_of_another_shape_is_refused(recording: RecordedNetwork) -> None:
    with pytest.raises(ValueError, match="recorded for an input of"):
        recording(torch.zeros(1, 1, 4, 5, 1))


def test_the_weights_live_as_long_as_the_recording(network: nn.Module, recording: RecordedNetwork) -> None:
    assert set(recording.parameters()) == set(network.parameters())


def test_without_memory_for_a_recording_the_network_itself_is_used(network: nn.Module) -> None:
    def record(compute: Compute) -> tuple[torch.Tensor, Replay]:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    assert recorded(network, torch.zeros(SHAPE), record) is network


def test_a_recording_that_is_interrupted_is_an_error(network: nn.Module) -> None:
    """PyTorch's allocator may stay in the mode of the recording."""

    def record(compute: Compute) -> tuple[torch.Tensor, Replay]:
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError, match="during capture"):
        recorded(network, torch.zeros(SHAPE), record)


def test_a_network_is_recorded(network: nn.Module) -> None:
    assert isinstance(recorded(network, torch.zeros(SHAPE), on_the_same_memory), RecordedNetwork)
