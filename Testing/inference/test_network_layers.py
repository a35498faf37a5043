"""What the shipped networks compute, to the fourth digit, and the layers that are ours."""

from __future__ import annotations

import pytest
import torch
from flareseg.inference.networks.channels_last import channels_last
from flareseg.inference.networks.dense_vnet import DenseVNet
from flareseg.inference.weights import load_network
from torch import nn


def waves() -> torch.Tensor:
    """Network input (1, 1, 32, 48, 64), other along every axis."""
    k, j, i = torch.meshgrid(*(torch.arange(n, dtype=torch.float32) for n in (32, 48, 64)), indexing="ij")
    return (torch.sin(k / 5) * torch.cos(j / 7) + i / 40 - 0.8).clamp(-1, 1)[None, None]


@pytest.mark.parametrize(
    ("stage", "at_a_voxel", "on_average"),
    [
        ("abdomen", [5.5008, -5.7303], [4.0768, -3.5972]),
        (
            "organs",
            [5.7824, -2.0663, -22.4115, -17.8078, -25.4005],
            [6.3482, -5.1967, -26.2415, -17.4907, -34.1544],
        ),
    ],
)
def test_the_shipped_networks_give_the_scores_that_they_always_gave(
    stage: str, at_a_voxel: list[float], on_average: list[float]
) -> None:
    network = load_network(stage, classes=len(at_a_voxel)).network.eval()
    with torch.inference_mode():
        logits = network(waves())[0]
    assert logits[:, 9, 20, 33].tolist() == pytest.approx(at_a_voxel, abs=2e-3)
    assert logits.mean(dim=(1, 2, 3)).tolist() == pytest.approx(on_average, abs=2e-3)


def test_training_and_inference_compute_the_same() -> None:
    """With gradients the dense stacks are joined, without they are written side by side."""
    network = DenseVNet().eval()
    with torch.no_grad():
        plain = network(waves())
    torch.testing.assert_close(network(waves()).detach(), plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("level", "noise"), [(0.0, 1.0), (300.0, 0.05), (0.0, 0.005)])
def test_instance_norm_is_exact_where_nearly_all_is_one_value(level: float, noise: float) -> None:
    """As in a scan of mostly air: the variance must not drown in the square of the mean."""
    x = level + noise * torch.randn((1, 3, 12, 13, 14), generator=torch.Generator().manual_seed(0))
    norm = nn.InstanceNorm3d(3, affine=True)
    nn.init.constant_(norm.weight, 2.0)
    nn.init.constant_(norm.bias, 0.5)
    with torch.inference_mode():
        found = channels_last(nn.Sequential(norm))(x).double()
    exact = x.double()
    mean, variance = (each(exact, dim=(2, 3, 4), keepdim=True) for each in (torch.mean, uncorrected))
    torch.testing.assert_close(found, 2 * (exact - mean) / (variance + 1e-5).sqrt() + 0.5, atol=2e-3, rtol=2e-3)


def uncorrected(x: torch.Tensor, dim: tuple[int, ...], keepdim: bool) -> torch.Tensor:
    return x.var(dim=dim, keepdim=keepdim, correction=0)
