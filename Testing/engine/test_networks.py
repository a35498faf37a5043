"""The two networks: their published size, and the inputs they take."""

import pytest
import torch
from flareseg.networks.dense_vnet import DenseVNet
from flareseg.networks.roi_unet import RoiUNet


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_dense_vnet_has_exactly_the_published_number_of_parameters() -> None:
    assert parameters(DenseVNet(classes=5)) == 871_922


def test_roi_unet_has_the_layout_of_the_starting_weights() -> None:
    assert parameters(RoiUNet(classes=2)) == 1_412_514


@pytest.mark.parametrize("size", [(8, 8, 8), (16, 24, 40), (96, 128, 192)])
def test_dense_vnet_gives_a_score_per_class_at_any_size_divisible_by_8(size: tuple[int, int, int]) -> None:
    with torch.inference_mode():
        scores = DenseVNet(classes=5).eval()(torch.zeros(1, 1, *size))
    assert scores.shape == (1, 5, *size)


def test_dense_vnet_refuses_a_size_not_divisible_by_8() -> None:
    with pytest.raises(ValueError, match="divisible by 8"):
        DenseVNet()(torch.zeros(1, 1, 16, 16, 12))


def test_roi_unet_gives_two_scores_per_voxel() -> None:
    with torch.inference_mode():
        scores = RoiUNet().eval()(torch.zeros(1, 1, 32, 48, 16))
    assert scores.shape == (1, 2, 32, 48, 16)


def test_roi_unet_refuses_a_size_not_divisible_by_16() -> None:
    with pytest.raises(ValueError, match="divisible by 16"):
        RoiUNet()(torch.zeros(1, 1, 24, 32, 32))
