"""The network for whole scans: its savings change neither gradients nor statistics, and slabs are as of the whole."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from flareseg.inference.networks import build
from flareseg.inference.networks.channels_last import channels_last, in_channels_last
from flareseg.inference.networks.folding import folded
from flareseg.inference.networks.in_place_norm import in_place_norm_activation
from flareseg.inference.networks.memory_efficient_fcn import MemoryEfficientFCN
from flareseg.inference.networks.savings import Savings, save_memory
from inference.same_step import assert_same_step
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

SMALL: dict[str, Any] = {
    "stem": 4,
    "growth": [2, 3, 4],
    "units": [1, 2, 3],
    "skips": [4, 6, 8],
    "downs": [6, 8],
}
ALL = [Savings(checkpoint=True), Savings(in_place=True), Savings(checkpoint=True, in_place=True)]


@pytest.fixture
def network() -> MemoryEfficientFCN:
    torch.manual_seed(0)
    made = build("MemoryEfficientFCN", 5, SMALL).double()
    assert isinstance(made, MemoryEfficientFCN)
    return made


def scan(*size: int) -> Tensor:
    return torch.randn(2, 1, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("options", "parameters"),
    [({}, 1_685_553), ({"convolution": "factorised"}, 671_745), ({"convolution": "separable"}, 160_103)],
    ids=["plain", "factorised", "separable"],
)
def test_parameters_by_kind_of_convolution(options: dict[str, str], parameters: int) -> None:
    """The plain U-Net that it is compared with has 5,646,453."""
    assert sum(p.numel() for p in build("MemoryEfficientFCN", 5, options).parameters()) == parameters
    assert sum(p.numel() for p in build("PlainUNet", 5).parameters()) == 5_646_453


def test_the_logits_are_at_half_the_resolution_in_the_slices() -> None:
    assert build("MemoryEfficientFCN", 5)(torch.zeros(1, 1, 16, 32, 48)).shape == (1, 5, 16, 16, 24)
    halved = build("MemoryEfficientFCN", 5, {"stride": [2, 2, 2]})
    assert halved(torch.zeros(1, 1, 16, 32, 48)).shape == (1, 5, 8, 16, 24)


@pytest.mark.parametrize(
    "options", [{"growth": [4]}, {"convolution": "round"}, {"downs": []}, {"norm": "group"}, {"stride": [1, 2, 3]}]
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(
        ValueError, match=r"number for each level|unknown convolution round|unknown norm group|stride is 1 or 2"
    ):
        build("MemoryEfficientFCN", 5, options)


@pytest.mark.parametrize("savings", ALL, ids=["checkpoint", "in place", "both"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_savings_change_neither_logits_gradients_nor_running_statistics(norm: str, savings: Savings) -> None:
    torch.manual_seed(0)
    network = build("MemoryEfficientFCN", 5, {**SMALL, "norm": norm}).double()
    plain, saving = copy.deepcopy(network), copy.deepcopy(network)
    save_memory(saving, savings)
    assert_same_step(plain, saving, scan(8, 16, 24))


@pytest.mark.parametrize("savings", ALL, ids=["checkpoint", "in place", "both"])
def test_savings_change_little_of_a_step_in_bfloat16(network: MemoryEfficientFCN, savings: Savings) -> None:
    """Autocast computes the loss of float32 logits, as the trainer does; what it rounds differs with the savings."""
    gradients = []
    for each in (Savings(), savings):
        made = copy.deepcopy(network).float().train()
        save_memory(made, each)
        with torch.autocast("cpu", torch.bfloat16):
            logits = made(scan(32, 32, 48).float())
        logits.float().square().mean().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in made.parameters() if p.grad is not None]))
    plain, saved = gradients
    assert plain.shape == saved.shape
    assert float((saved - plain).norm() / plain.norm()) < 0.05


@pytest.mark.parametrize("kind", [nn.BatchNorm3d, nn.InstanceNorm3d])
def test_one_voxel_a_channel_is_refused_in_place_as_without(kind: Any) -> None:
    with pytest.raises(ValueError, match="one value of each channel has no variance"):
        in_place_norm_activation(torch.zeros(1, 2, 1, 1, 1), kind(2, affine=True), 0.01)


def test_each_saving_keeps_less_for_the_backward_pass(network: MemoryEfficientFCN) -> None:
    """Bytes of all storages that autograd keeps, counted by its hooks, as a share of those without savings."""
    kept = {}
    for savings in (Savings(), *ALL):
        each = copy.deepcopy(network).train()
        save_memory(each, savings)
        kept[savings] = saved_bytes(lambda each=each: each(scan(16, 32, 48)))
    plain, checkpoint, in_place, both = (kept[savings] for savings in (Savings(), *ALL))
    assert checkpoint < 0.45 * plain
    assert in_place < 0.85 * plain
    assert both < 0.35 * plain


def saved_bytes(forward: Callable[[], object]) -> int:
    sizes: dict[int, int] = {}
    alive = []

    def pack(tensor: Tensor) -> Tensor:
        alive.append(tensor)  # so that no address is used twice
        sizes[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with saved_tensors_hooks(pack, lambda tensor: tensor):
        result = forward()
    assert result is not None
    return sum(sizes.values())


def test_a_network_without_savings_refuses_them() -> None:
    with pytest.raises(ValueError, match="RoiUNet has no checkpoints"):
        save_memory(build("RoiUNet", 2), Savings(checkpoint=True))
    with pytest.raises(ValueError, match="RoiUNet has no norms in place"):
        save_memory(build("RoiUNet", 2), Savings(in_place=True))
    with pytest.raises(ValueError, match="DenseVNet has no norms in place"):
        save_memory(build("DenseVNet", 5), Savings(checkpoint=True, in_place=True))


Norm = nn.BatchNorm3d | nn.InstanceNorm3d


@pytest.fixture(params=[nn.BatchNorm3d, nn.InstanceNorm3d], ids=["batch", "instance"])
def norm(request: pytest.FixtureRequest) -> Norm:
    made: Norm = request.param(3, affine=True).double().train()
    return made


@pytest.fixture(params=[(0.01, 1.0), (0.3, -0.5)], ids=["usual", "steep and turned"])
def layers(request: pytest.FixtureRequest, norm: Norm) -> Iterator[tuple[Norm, float]]:
    slope, scale = request.param
    nn.init.normal_(norm.bias)
    nn.init.constant_(norm.weight, scale)
    yield norm, slope


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last_3d], ids=["contiguous", "last"])
def test_the_norm_in_place_is_norm_and_leaky_relu_forwards_and_backwards(
    layers: tuple[Norm, float], layout: torch.memory_format
) -> None:
    """Ten slices: the gradient is computed for eight of them at a time."""
    norm, slope = layers
    other, x = copy.deepcopy(norm), torch.randn(2, 3, 10, 5, 6, dtype=torch.float64) * 7 + 3
    x = x.contiguous(memory_format=layout)
    weights = torch.randn_like(x)
    first, second = (x.clone().requires_grad_() for _ in range(2))
    plain = nn.functional.leaky_relu(norm(first), slope)
    in_place = in_place_norm_activation(second * 1, other, slope)
    torch.testing.assert_close(in_place, plain, rtol=1e-12, atol=1e-13)
    for result in (plain, in_place):
        (result * weights).sum().backward()
    for one, two in ((first, second), (norm.weight, other.weight), (norm.bias, other.bias)):
        torch.testing.assert_close(two.grad, one.grad, rtol=1e-9, atol=1e-11)
    for name, buffer in norm.named_buffers():
        torch.testing.assert_close(other.get_buffer(name), buffer)


def test_the_gradient_of_the_norm_in_place_is_that_of_finite_differences(norm: Norm) -> None:
    x = torch.randn(2, 3, 9, 2, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: in_place_norm_activation(x * 1, norm, 0.2), (x,))


def test_a_scale_of_nearly_zero_gives_finite_gradients() -> None:
    """The output cannot tell the input then: the scale counts as a thousandth."""
    norm = nn.BatchNorm3d(1).train()
    nn.init.zeros_(norm.weight)
    x = torch.randn(1, 1, 2, 4, 4, requires_grad=True)
    in_place_norm_activation(x * 1, norm, 0.01).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()
    assert norm.weight.grad is not None
    assert torch.isfinite(norm.weight.grad).all()


@pytest.mark.parametrize("stride", [[1, 2, 2], [2, 2, 2]], ids=["slices kept", "slices halved"])
@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("kind", ["plain", "factorised", "separable"])
@pytest.mark.parametrize("units", [1, 2])
def test_slabs_give_the_logits_of_the_whole(units: int, kind: str, norm: str, stride: list[int]) -> None:
    """Margins are even numbers: with one unit more on the finest level each of them is tested without a slice to
    spare. The whole is the pass with gradients, which has no slabs."""
    torch.manual_seed(0)
    changes = {"units": [units, 2, 3], "convolution": kind, "stride": stride, "norm": norm}
    network = build("MemoryEfficientFCN", 5, {**SMALL, **changes}).double().eval()
    assert isinstance(network, MemoryEfficientFCN)
    x = scan(40 * stride[0], 16, 24)
    with torch.no_grad():
        for each in (module for module in network.modules() if isinstance(module, nn.BatchNorm3d)):
            each.running_mean.normal_(0, 0.2)  # type: ignore[union-attr, operator]
            each.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr, operator]
    whole = network(x).detach()
    with torch.no_grad():
        torch.testing.assert_close(network(x), whole, rtol=1e-9, atol=1e-12)
        network.slab, network.slab_voxels = 12, 0
        torch.testing.assert_close(network(x), whole, rtol=1e-9, atol=1e-12)


def test_a_small_scan_is_computed_at_once_and_a_large_one_in_slabs() -> None:
    """Counted by the first convolution: for the coarser levels and for the logits, and in slabs for each norm, too."""
    network = build("MemoryEfficientFCN", 5, SMALL).eval()
    assert isinstance(network, MemoryEfficientFCN)
    network.slab_voxels = 24 * 8 * 12
    slices: list[int] = []
    network.stem[0].register_forward_hook(lambda layer, inputs, result: slices.append(result.shape[2]))
    with torch.no_grad():
        network(scan(24, 16, 24).float())
        assert slices == [24, 24]
        network(scan(32, 16, 24).float())
    assert len(slices) > 10
    assert slices[2:4] == [26, 10]


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("kind", ["plain", "factorised"])
@pytest.mark.parametrize("slices", [16, 40])
def test_the_network_knows_how_many_convolutions_a_pass_computes(slices: int, kind: str, norm: str) -> None:
    """By which the progress of a pass is told. 40 slices are three slabs."""
    network = build("MemoryEfficientFCN", 5, {**SMALL, "convolution": kind, "norm": norm}).eval()
    assert isinstance(network, MemoryEfficientFCN)
    network.slab_voxels = 0
    computed = []
    for layer in (module for module in network.modules() if isinstance(module, nn.Conv3d)):
        layer.register_forward_pre_hook(lambda layer, inputs: computed.append(layer))
    x = scan(slices, 16, 24).float()
    with torch.no_grad():
        network(x)
    assert network.convolutions(x) == len(computed)


def test_in_bfloat16_and_channels_last_slabs_give_the_logits_of_the_whole(network: MemoryEfficientFCN) -> None:
    x = scan(40, 16, 24).to(torch.bfloat16)
    made = channels_last(folded(network.to(torch.bfloat16)))
    assert isinstance(made, MemoryEfficientFCN)
    with torch.no_grad():
        whole = made(in_channels_last(x)).float()
        made.slab, made.slab_voxels = 12, 0
        error = made(in_channels_last(x)).float() - whole
    assert float(error.square().mean().sqrt()) < 0.05 * float(whole.std())


@pytest.mark.parametrize("norm", ["batch", "instance"])
def test_the_folded_network_in_channels_last_gives_the_same_logits(norm: str) -> None:
    torch.manual_seed(0)
    plain = build("MemoryEfficientFCN", 5, {**SMALL, "norm": norm}).eval()
    x = scan(16, 16, 24).float()
    with torch.no_grad():
        fast = channels_last(folded(plain))(in_channels_last(x))
        torch.testing.assert_close(fast, plain(x), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("norm", "is_alike"), [("instance", True), ("batch", False)])
def test_instance_norms_take_the_scans_own_statistics(norm: str, is_alike: bool) -> None:
    """Segmenting, as training on one scan at a time does, and not those of other scans."""
    torch.manual_seed(0)
    network = build("MemoryEfficientFCN", 5, {**SMALL, "norm": norm})
    assert isinstance(network, MemoryEfficientFCN)
    with torch.no_grad():
        features = torch.randn(1, SMALL["downs"][0], 8, 8, 8)
        trained, segmented = (torch.cat(network.train(mode).levels[1](features), dim=1) for mode in (True, False))
    assert torch.allclose(trained, segmented, atol=1e-5) is is_alike


def test_a_size_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="not divisible by 16"):
        build("MemoryEfficientFCN", 5)(torch.zeros(1, 1, 16, 32, 40))
