"""The precision of the networks: what decides it, and that none changes what the networks say."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.inference.cascade import Cascade
from flareseg.inference.device import Device, select_device
from flareseg.inference.networks.channels_last import channels_last, runs_channels_last
from flareseg.inference.networks.dense_vnet import DenseVNet
from flareseg.inference.networks.folding import folded
from flareseg.inference.networks.roi_unet import RoiUNet
from flareseg.inference.precision import Precision, select_precision
from flareseg.inference.processor import has_bfloat16, limit_allows_bfloat16
from flareseg.inference.weights import load_network
from flareseg.phantom import Phantom
from strict_gpu import StrictGpu

CPU = torch.device("cpu")
DTYPES = [torch.float32, torch.bfloat16, torch.float16]
STAGES = [("abdomen", 2), ("organs", 5)]


@pytest.fixture(autouse=True)
def without_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLARESEG_PRECISION", raising=False)


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [
        ((6, 1), torch.float32),  # GeForce GTX 10xx: float16 is 64 times slower than float32
        ((7, 0), torch.float16),
        ((7, 5), torch.float16),
        ((8, 6), torch.float16),
        ((12, 0), torch.float16),
    ],
)
def test_a_gpus_compute_capability_decides(capability: tuple[int, int], dtype: torch.dtype) -> None:
    assert select_precision(StrictGpu(capability=capability)) == Precision(dtype, channels_last=False)


def test_a_processor_with_bfloat16_instructions_takes_bfloat16_any_other_float32() -> None:
    dtype = torch.bfloat16 if has_bfloat16() else torch.float32
    assert select_precision(select_device("cpu")) == Precision(dtype, runs_channels_last(dtype))


@pytest.mark.parametrize(
    ("limit", "allowed"),
    [
        ("", True),
        ("ALL", True),
        ("AVX512_CORE_BF16", True),
        ("avx512_core_amx", True),
        ("AVX10_1_512_AMX", True),
        ("AVX512_CORE", False),
        ("AVX512_CORE_VNNI", False),
        ("AVX2", False),
        ("AVX2_VNNI_2", False),
        ("SSE41", False),
    ],
)
def test_instructions_that_onednn_may_not_use_do_not_count(limit: str, allowed: bool) -> None:
    assert limit_allows_bfloat16({"ONEDNN_MAX_CPU_ISA": limit}) is allowed
    assert limit_allows_bfloat16({"DNNL_MAX_CPU_ISA": limit}) is allowed


@pytest.mark.parametrize("name", ["float32", "float16", "bfloat16"])
def test_a_choice_is_taken_on_every_device(name: str) -> None:
    assert select_precision(select_device("cpu"), name).name == name
    assert select_precision(StrictGpu(), name).name == name


def test_the_environment_decides_where_nothing_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLARESEG_PRECISION", "float16")
    assert select_precision(select_device("cpu")).dtype is torch.float16
    assert select_precision(select_device("cpu"), "float32").dtype is torch.float32


def test_an_unknown_precision_is_refused_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FlareError, match='Unknown precision: "int8"') as caught:
        select_precision(select_device("cpu"), "int8")
    assert caught.value.kind == "bad_config"
    monkeypatch.setenv("FLARESEG_PRECISION", "half")
    with pytest.raises(FlareError, match='Unknown precision in FLARESEG_PRECISION: "half"'):
        Cascade.load("cpu")


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("last", [False, True], ids=["plain", "channels last"])
@pytest.mark.parametrize(("stage", "classes"), STAGES)
def test_no_precision_or_layout_changes_more_than_a_few_labels(
    stage: str, classes: int, last: bool, dtype: torch.dtype
) -> None:
    """Against the network as trained, in float32 and PyTorch's own layout."""
    if last and not runs_channels_last(dtype):
        with pytest.raises(RuntimeError, match="needs the cpu support"):  # so select_precision takes the other layout
            Precision(dtype, channels_last=True).network(RoiUNet(classes), CPU)(
                torch.zeros(1, 1, 16, 16, 16, dtype=dtype)
            )
        return
    network = load_network(stage, classes).network
    x = torch.rand((1, 1, 16, 32, 48), generator=torch.Generator().manual_seed(0)) * 2 - 1
    tried = Precision(dtype, last)
    with torch.inference_mode():
        exact, logits = network(x), tried.network(folded(network), CPU)(tried.tensor(x)).float()
    tolerance = {torch.float32: 1e-3, torch.float16: 1e-2, torch.bfloat16: 5e-2}[dtype]
    error = torch.linalg.vector_norm(logits - exact) / torch.linalg.vector_norm(exact)
    assert float(error) < tolerance
    assert float((logits.argmax(1) == exact.argmax(1)).float().mean()) > (0.9999 if dtype is torch.float32 else 0.995)


@dataclass(frozen=True)
class Computer(Device):
    """A CPU; here only for its type."""


def test_a_precision_without_instructions_runs_in_pytorchs_own_layout() -> None:
    """oneDNN refuses what it would have to emulate, PyTorch's own convolutions take every type."""
    for dtype in DTYPES:
        assert select_precision(Computer(CPU, "", ""), str(dtype).removeprefix("torch.")) == Precision(
            dtype, runs_channels_last(dtype)
        )


def test_making_a_network_leaves_the_original_as_it_was() -> None:
    network = DenseVNet()
    before = copy.deepcopy(network.state_dict())
    Precision(torch.bfloat16, channels_last=True).network(network, CPU)
    assert type(network.head) is torch.nn.Conv3d
    assert network.training
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


def test_a_scan_that_is_mostly_air_keeps_its_scores() -> None:
    """Its variance is small against the squares, which float32 must not sum up in one go."""
    x = torch.full((1, 1, 96, 96, 96), -1.0)
    x[..., 30:60, 36:60, 36:60] = 0.15 * torch.randn(30, 24, 24, generator=torch.Generator().manual_seed(0))
    network, fast = load_network("abdomen", 2).network, Precision(torch.float32, channels_last=True)
    with torch.inference_mode():
        plain, logits = network(x), fast.network(folded(network), CPU)(fast.tensor(x))
    torch.testing.assert_close(logits, plain, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("network", [DenseVNet(), RoiUNet()])
def test_no_layer_falls_back_to_pytorchs_own_layout(network: torch.nn.Module) -> None:
    """One that did would cost two copies of its tensors, and every layer after it as well."""
    network, seen = channels_last(network), []
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv3d, torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.InstanceNorm3d)):
            layer.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    with torch.inference_mode():
        network(Precision(torch.float32, channels_last=True).tensor(torch.zeros(1, 1, 16, 32, 48)))
    assert seen
    assert all(x.stride(1) == 1 for x in seen), "a voxel's channels are neighbours"


def test_the_report_says_which_precision_ran(phantom: Phantom) -> None:
    found = Cascade.load("cpu", precision="float32").segment(phantom.volume)
    assert found.device.dtype == "float32"


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float16"])
def test_a_precision_that_the_processor_emulates_is_warned_of(name: str) -> None:
    cascade = Cascade.load("cpu", precision=name)
    emulated = not runs_channels_last(select_precision(select_device("cpu"), name).dtype)
    assert [f"no instructions for {name}" in warning for warning in cascade.emulation] == [True] * emulated
    assert not (emulated and name == "float32")
