"""The choice of a number format and memory layout, and that none changes what the networks say."""

import copy

import pytest
import torch
from flareseg import formats
from flareseg.device import choose
from flareseg.formats import Format, fastest_format
from flareseg.networks.channels_last import channels_last
from flareseg.networks.dense_vnet import DenseVNet
from flareseg.networks.folding import folded
from flareseg.networks.roi_unet import RoiUNet
from flareseg.weights import load_network

CPU = torch.device("cpu")


def test_the_fastest_format_leaves_the_network_as_it_was() -> None:
    network = DenseVNet().eval()
    before = copy.deepcopy(network.state_dict())
    assert fastest_format(network, choose("cpu")).dtype in (torch.float32, torch.bfloat16)
    assert type(network.head) is torch.nn.Conv3d
    assert all(torch.equal(before[key], tensor) for key, tensor in network.state_dict().items())


class WrongInHalf(torch.nn.Conv3d):
    """Fast but wrong in any format other than float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.dtype is torch.float32 else x * float("nan")


def test_a_format_that_gives_wrong_scores_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = [Format(torch.float32), Format(torch.bfloat16)]  # whatever this processor has
    monkeypatch.setattr(formats, "_formats", lambda chosen: plain)
    assert fastest_format(WrongInHalf(1, 1, 3, padding=1), choose("cpu")).dtype is torch.float32


def test_bfloat16_is_not_tried_where_the_processor_would_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Emulated, the probe alone takes half a minute."""
    monkeypatch.setattr(formats, "_cpu_has_bfloat16", lambda: False)
    assert fastest_format(DenseVNet(), choose("cpu")) == Format(torch.float32, channels_last=True)


@pytest.mark.parametrize(("stage", "classes"), [("abdomen", 2), ("organs", 5)])
def test_channels_last_changes_no_label(stage: str, classes: int) -> None:
    network = load_network(stage, classes).network
    x = torch.rand((1, 1, 32, 48, 64), generator=torch.Generator().manual_seed(0)) * 2 - 1
    fast = Format(torch.float32, channels_last=True)
    with torch.inference_mode():
        plain, scores = network(x), fast.network(folded(network), CPU)(fast.tensor(x))
    torch.testing.assert_close(scores, plain, atol=1e-3, rtol=1e-3)
    assert torch.equal(scores.argmax(1), plain.argmax(1))


def test_a_scan_that_is_mostly_air_keeps_its_scores() -> None:
    """Its variance is small against the squares, which float32 must not sum up in one go."""
    x = torch.full((1, 1, 96, 96, 96), -1.0)
    x[..., 30:60, 36:60, 36:60] = 0.15 * torch.randn(30, 24, 24, generator=torch.Generator().manual_seed(0))
    network, fast = load_network("abdomen", 2).network, Format(torch.float32, channels_last=True)
    with torch.inference_mode():
        plain, scores = network(x), fast.network(folded(network), CPU)(fast.tensor(x))
    torch.testing.assert_close(scores, plain, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("network", [DenseVNet(), RoiUNet()])
def test_no_layer_falls_back_to_pytorchs_own_layout(network: torch.nn.Module) -> None:
    """One that did would cost two copies of its tensors, and every layer after it as well."""
    network, seen = channels_last(network), []
    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv3d, torch.nn.ReLU, torch.nn.LeakyReLU, torch.nn.InstanceNorm3d)):
            layer.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    with torch.inference_mode():
        network(Format(torch.float32, channels_last=True).tensor(torch.zeros(1, 1, 16, 32, 48)))
    assert seen
    assert all(x.stride(1) == 1 for x in seen), "a voxel's channels are neighbours"
