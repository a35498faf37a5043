"""The paths of a GPU, on a stand-in that refuses what CUDA refuses."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.core.limits import Limits
from flareseg.core.organs import CLASSES
from flareseg.inference.cascade import Cascade, SegmentationOptions
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.precision import Precision
from flareseg.inference.resample import MINIMAL_SLAB_MB, SLAB_MB, Slabs
from flareseg.inference.transfer import Staged
from flareseg.inference.weights import load_network
from flareseg.phantom import Phantom
from inference.gpu_stand_ins import LateLink
from strict_gpu import GPU, StrictGpu, out_of_memory, strict_gpu

FLOAT32 = Precision(torch.float32)
NAME = "Strict GPU"


@pytest.fixture(autouse=True)
def gpu() -> Iterator[None]:
    with strict_gpu():
        yield


def engine(device: StrictGpu | None = None) -> Engine:
    return Engine.of(device or StrictGpu(), FLOAT32, load_network("abdomen", 2), load_network("organs", CLASSES))


@pytest.mark.parametrize(
    ("forbidden", "error"),
    [
        (lambda x: x.numpy(), TypeError),
        (lambda x: np.asarray(x), TypeError),
        (lambda x: x + torch.ones(3), RuntimeError),
        (lambda x: torch.matmul(torch.ones(2, 3), x), RuntimeError),
        (lambda x: torch.randn(3, device=GPU, generator=torch.Generator()), RuntimeError),
        (lambda x: torch.nn.functional.conv1d(x[None, None], torch.ones(1, 1, 3)), RuntimeError),
    ],
    ids=["numpy", "array", "mixed sum", "mixed product", "generator of the CPU", "weights on the CPU"],
)
def test_the_stand_in_refuses_what_cuda_refuses(
    forbidden: Callable[[torch.Tensor], object], error: type[Exception]
) -> None:
    with pytest.raises(error):
        forbidden(torch.ones(3, device=GPU))


def test_the_stand_in_computes_as_the_cpu_does() -> None:
    x = torch.arange(6.0, device=GPU).view(2, 3)
    x[1].mul_(2)
    assert x.device == GPU
    assert x.cpu().tolist() == [[0, 1, 2], [6, 8, 10]]
    assert float(x.sum()) == 27
    torch.testing.assert_close((x @ torch.ones(3, device=GPU)).cpu(), torch.tensor([3.0, 24.0]))


def test_a_gpu_gives_the_labels_and_certainties_of_the_cpu(phantom: Phantom) -> None:
    options = SegmentationOptions(split_kidneys=True, uncertainty=True)
    found = Cascade(engine(), []).segment(phantom.volume, options)
    networks = load_network("abdomen", 2), load_network("organs", CLASSES)
    expected = Cascade(Engine.of(select_device("cpu"), FLOAT32, *networks), []).segment(phantom.volume, options)
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.uncertainty, expected.uncertainty)
    assert [organ.confidence for organ in found.organs] == [organ.confidence for organ in expected.organs]
    assert (found.device.name, found.device.dtype) == (NAME, "float32")


def test_staged_copies_give_the_same_labels(phantom: Phantom) -> None:
    plain = engine()
    staged = replace(plain, slabs=Slabs(2.0, transfer=Staged(LateLink(GPU))))
    options = SegmentationOptions(uncertainty=True)
    expected, found = (Cascade(each, []).segment(phantom.volume, options) for each in (plain, staged))
    np.testing.assert_array_equal(found.labels, expected.labels)
    np.testing.assert_array_equal(found.uncertainty, expected.uncertainty)


def test_channels_last_gives_the_same_labels(monkeypatch: pytest.MonkeyPatch, phantom: Phantom) -> None:
    expected = Cascade.on(StrictGpu(), precision="float32").segment(phantom.volume)
    monkeypatch.setenv("FLARESEG_GPU", "channels_last")
    found = Cascade.on(StrictGpu(), precision="float32").segment(phantom.volume)
    assert (found.labels == expected.labels).mean() > 0.9999


def test_out_of_memory_once_is_retried_in_smaller_slabs(phantom: Phantom) -> None:
    gpu = StrictGpu(failures=[out_of_memory()])
    found = Cascade(engine(gpu), []).segment(phantom.volume)
    assert found.device.name == NAME
    assert found.warnings == [f"The memory of {NAME} ran out with slabs of {SLAB_MB:g} MB."]
    assert gpu.released == [1]


def test_out_of_memory_twice_goes_on_on_the_cpu_where_that_is_allowed(phantom: Phantom) -> None:
    gpu = StrictGpu(failures=[out_of_memory(), out_of_memory()])
    found = Cascade.on(gpu, may_leave=True, precision="float32").segment(phantom.volume)
    assert found.device.kind == "cpu"
    assert found.warnings == [
        f"The memory of {NAME} ran out with slabs of {SLAB_MB:g} MB.",
        f"The memory of {NAME} ran out with slabs of {MINIMAL_SLAB_MB:g} MB.",
        "The scan was segmented on the CPU instead.",
    ]


def test_a_gpu_asked_for_by_name_never_ends_on_the_cpu(phantom: Phantom) -> None:
    gpu = StrictGpu(failures=[out_of_memory(), out_of_memory()])
    with pytest.raises(FlareError, match=f"The memory of {NAME} ran out, in small slabs too.") as caught:
        Cascade.on(gpu, may_leave=False, precision="float32").segment(phantom.volume)
    assert caught.value.kind == "gpu_memory"
    assert caught.value.hint == "Close other programs that use the GPU, or choose the CPU."


def test_a_gpu_that_fails_in_the_middle_is_a_message(phantom: Phantom) -> None:
    failure = RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")
    with pytest.raises(FlareError, match="The GPU failed"):
        Cascade(engine(StrictGpu(failures=[failure])), []).segment(phantom.volume)


def test_a_limit_on_gpu_memory_is_handed_to_pytorch_and_lifted_for_the_next_cascade() -> None:
    gpu = StrictGpu()
    Cascade.on(gpu, limits=Limits(gpu=512.0))
    Cascade.on(gpu)
    assert gpu.allowed_mb == [512.0, None]


def test_the_limits_that_networks_are_loaded_with_are_those_of_the_cascade() -> None:
    assert Cascade.load("cpu", limits=Limits(ram=4000.0, gpu=512.0)).limits == Limits(ram=4000.0, gpu=512.0)
