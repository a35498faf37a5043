"""The choice of a device and of a number format."""

import copy

import pytest
import torch
from flareseg import device
from flareseg.device import choose, fastest_dtype
from flareseg.errors import FlareError
from flareseg.networks.dense_vnet import DenseVNet

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")


def test_the_cpu_can_always_be_chosen() -> None:
    chosen = choose("cpu")
    free, total = chosen.memory_mb
    assert chosen.device.type == "cpu"
    assert chosen.name
    assert 0 < free <= total


@WITHOUT_GPU
def test_automatic_takes_the_cpu_where_there_is_no_gpu_and_says_why() -> None:
    chosen = choose("auto")
    assert chosen.device.type == "cpu"
    assert chosen.reason == "PyTorch finds no CUDA GPU on this computer."
    assert not chosen.note  # nothing is wrong with a computer without a GPU


def test_a_device_that_a_person_chose_needs_no_other_reason() -> None:
    assert choose("cpu").reason == "Chosen by you."


@WITHOUT_GPU
def test_a_gpu_asked_for_where_there_is_none_is_refused() -> None:
    with pytest.raises(FlareError, match="no CUDA GPU") as caught:
        choose("cuda")
    assert caught.value.kind == "no_gpu"
    assert "CPU" in caught.value.remedy


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(FlareError, match='no device "tpu"'):
        choose("tpu")


def test_the_fastest_format_leaves_the_network_as_it_was() -> None:
    network = DenseVNet().eval()
    before = copy.deepcopy(network.state_dict())
    assert fastest_dtype(network, choose("cpu")) in (torch.float32, torch.bfloat16)
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


class WrongInHalf(torch.nn.Conv3d):
    """Fast but wrong in any format other than float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.dtype is torch.float32 else x * float("nan")


def test_a_format_that_gives_wrong_scores_is_not_taken() -> None:
    assert fastest_dtype(WrongInHalf(1, 1, 3, padding=1), choose("cpu")) is torch.float32


@pytest.mark.parametrize(("slower", "tried"), [(1.5, True), (12.0, False)])
def test_a_format_that_the_processor_only_emulates_is_not_tried(monkeypatch, slower: float, tried: bool) -> None:
    """Emulated bfloat16 takes half a minute for the probe; a processor of either kind cannot be had in one test."""

    def seconds(layer: torch.nn.Module, x: torch.Tensor, synchronise: object) -> float:
        return slower if x.dtype is torch.bfloat16 else 1.0

    monkeypatch.setattr(device, "_seconds", seconds)
    formats = device.native_formats(choose("cpu"))
    assert formats[0] is torch.float32
    assert (torch.bfloat16 in formats) is tried
