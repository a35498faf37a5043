"""The choice of a device."""

import pytest
import torch
from flareseg.device import choose
from flareseg.errors import FlareError

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
