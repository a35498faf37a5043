"""The choice of a device, and what is said where a GPU cannot be used."""

import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.inference.device import select_device
from flareseg.inference.gpu_check import GpuFacts, gpu_failure, is_gpu_error, is_out_of_memory, why_unusable

WITHOUT_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")
CARD = ("NVIDIA GeForce RTX 3060",)


def test_the_cpu_can_always_be_chosen() -> None:
    device = select_device("cpu")
    free, total = device.memory_mb
    assert device.torch_device.type == "cpu"
    assert device.name
    assert not device.is_gpu
    assert 0 < free <= total


@WITHOUT_GPU
def test_automatic_takes_the_cpu_where_there_is_no_gpu_and_says_why() -> None:
    device = select_device("auto")
    assert device.torch_device.type == "cpu"
    assert device.reason == "PyTorch finds no CUDA GPU on this computer."
    assert not device.note  # nothing is wrong with a computer without a GPU


def test_a_device_that_a_person_chose_needs_no_other_reason() -> None:
    assert select_device("cpu").reason == "Chosen by you."


@WITHOUT_GPU
def test_a_gpu_asked_for_where_there_is_none_is_refused() -> None:
    with pytest.raises(FlareError, match="no CUDA GPU") as caught:
        select_device("cuda")
    assert caught.value.kind == "no_gpu"
    assert "CPU" in caught.value.hint


@pytest.mark.parametrize("device", ["tpu", "mps", "cuda:1"])
def test_a_device_that_is_not_offered_is_refused(device: str) -> None:
    with pytest.raises(FlareError, match=f'Unknown device: "{device}". Choose one of auto, cuda, cpu.'):
        select_device(device)


@pytest.mark.parametrize(
    ("facts", "message", "hint"),
    [
        (GpuFacts(None, False), "PyTorch finds no CUDA GPU on this computer.", "Choose the CPU."),
        (GpuFacts("12.6", False), "PyTorch finds no CUDA GPU on this computer.", "Choose the CPU."),
        (
            GpuFacts(None, False, CARD, (12, 4)),
            "The installed PyTorch is built without CUDA and cannot use the NVIDIA GeForce RTX 3060 of this computer.",
            "Install PyTorch with CUDA (in Slicer: the PyTorch extension), or choose the CPU.",
        ),
        (
            GpuFacts("12.6", False, CARD, (11, 4), "The NVIDIA driver on your system is too old"),
            "The driver of the NVIDIA GeForce RTX 3060 is too old: it supports CUDA 11.4, PyTorch needs 12.6.",
            "Update the NVIDIA driver, install PyTorch for an older CUDA, or choose the CPU.",
        ),
        (
            GpuFacts("12.6", False, CARD, (12, 2), "CUDA unknown error"),
            "PyTorch cannot use the NVIDIA GeForce RTX 3060 of this computer (CUDA unknown error).",
            "Check CUDA_VISIBLE_DEVICES and the NVIDIA driver, or choose the CPU.",
        ),
    ],
    ids=["no card", "CUDA build, no card", "torch without CUDA", "driver too old", "hidden or broken"],
)
def test_why_pytorch_can_use_no_gpu(facts: GpuFacts, message: str, hint: str) -> None:
    problem = why_unusable(facts)
    assert problem is not None
    assert (problem.kind, problem.message, problem.hint) == ("no_gpu", message, hint)


def test_a_gpu_that_pytorch_can_use_is_not_reported_as_a_problem() -> None:
    assert why_unusable(GpuFacts("12.6", True)) is None


@pytest.mark.parametrize(
    ("said", "kind", "word"),
    [
        ("CUDA error: all CUDA-capable devices are busy or unavailable\nmore", "no_gpu", "reserved by another program"),
        ("CUDA error: no kernel image is available for execution on the device", "no_gpu", "not built for this GPU"),
        ("CUDA error: unspecified launch failure", "no_gpu", "The GPU failed (CUDA error: unspecified launch failure)"),
        ("CUDA error: out of memory", "gpu_memory", "memory of the GPU ran out"),
        ("cuDNN error: CUDNN_STATUS_ALLOC_FAILED", "gpu_memory", "memory of the GPU ran out"),
        (
            "cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
            "gpu_memory",
            "memory of the GPU ran out",
        ),
        ("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`", "gpu_memory", "memory of the GPU"),
    ],
)
def test_what_an_error_of_cuda_means(said: str, kind: str, word: str) -> None:
    error = RuntimeError(said)
    assert is_gpu_error(error)
    assert is_out_of_memory(error) is (kind == "gpu_memory")
    failure = gpu_failure(error)
    assert failure.kind == kind
    assert word in failure.message
    assert "choose the CPU." in failure.hint


def test_no_engine_for_a_convolution_means_that_there_is_no_room_for_its_working_memory() -> None:
    assert is_out_of_memory(RuntimeError("GET was unable to find an engine to execute this computation"))


def test_an_error_of_our_own_code_is_none_of_cuda() -> None:
    error = RuntimeError("mat1 and mat2 shapes cannot be multiplied (3x4 and 5x6)")
    assert not is_gpu_error(error)
    assert not is_out_of_memory(error)
