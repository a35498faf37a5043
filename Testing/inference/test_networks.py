"""The two networks: their published size, and the inputs they take."""

import copy
from typing import Any, cast

import pytest
import torch
from flareseg.inference.networks.dense_vnet import DenseVNet
from flareseg.inference.networks.folding import folded
from flareseg.inference.networks.roi_unet import RoiUNet
from flareseg.inference.networks.savings import Savings, save_memory
from flareseg.inference.weights import load_network
from inference.same_step import assert_same_step


def parameters(network: torch.nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_dense_vnet_has_exactly_the_published_number_of_parameters() -> None:
    assert parameters(DenseVNet(classes=5)) == 871_922


def test_folding_batch_norm_changes_no_label() -> None:
    network = load_network("organs", classes=5).network
    x = torch.rand((1, 1, 32, 32, 32), generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        plain, fast = network(x), folded(network)(x)
    torch.testing.assert_close(fast, plain, atol=1e-4, rtol=1e-4)
    assert torch.equal(fast.argmax(1), plain.argmax(1))


def test_folding_leaves_no_batch_norm_behind_a_convolution_and_the_network_as_it_was() -> None:
    network = DenseVNet().eval()
    norms = [m for m in folded(network).modules() if isinstance(m, torch.nn.BatchNorm3d)]
    assert len(norms) == 1  # the input's own
    assert sum(isinstance(m, torch.nn.BatchNorm3d) for m in network.modules()) == 32


def test_roi_unet_has_the_layout_of_the_starting_weights() -> None:
    assert parameters(RoiUNet(classes=2)) == 1_412_514


@pytest.mark.parametrize("size", [(8, 8, 8), (16, 24, 40), (96, 128, 192)])
def test_dense_vnet_gives_a_score_per_class_at_any_size_divisible_by_8(size: tuple[int, int, int]) -> None:
    with torch.inference_mode():
        logits = DenseVNet(classes=5).eval()(torch.zeros(1, 1, *size))
    assert logits.shape == (1, 5, *size)


def test_dense_vnet_refuses_a_size_not_divisible_by_8() -> None:
    with pytest.raises(ValueError, match="divisible by 8"):
        DenseVNet()(torch.zeros(1, 1, 16, 16, 12))


def test_roi_unet_gives_two_scores_per_voxel() -> None:
    with torch.inference_mode():
        logits = RoiUNet().eval()(torch.zeros(1, 1, 32, 48, 16))
    assert logits.shape == (1, 2, 32, 48, 16)


def test_roi_unet_refuses_a_size_not_divisible_by_16() -> None:
    with pytest.raises(ValueError, match="divisible by 16"):
        RoiUNet()(torch.zeros(1, 1, 24, 32, 32))


def test_checkpoints_of_dense_vnet_change_neither_gradients_nor_running_statistics() -> None:
    torch.manual_seed(0)
    plain = DenseVNet(growth=(2, 3, 4), units=(2, 3, 2), skips=(4, 4, 4), stem=4).double().train()
    saving = copy.deepcopy(plain)
    save_memory(saving, Savings(checkpoint=True))
    assert_same_step(plain, saving, torch.randn(2, 1, 16, 16, 24, dtype=torch.float64))


@pytest.mark.parametrize("is_mixed", [False, True])
def test_channels_last_reaches_the_finest_stack_of_dense_vnet(is_mixed: bool) -> None:
    """The pooled image, of the other layout and of float32, does not decide for the features that it is joined with."""
    network = cast(Any, DenseVNet()).to(memory_format=torch.channels_last_3d)
    seen: list[torch.Tensor] = []
    network.stacks[0].register_forward_pre_hook(lambda stack, inputs: seen.append(inputs[0]))
    x = torch.randn(1, 1, 32, 32, 32).contiguous(memory_format=torch.channels_last_3d)
    with torch.autocast("cpu", torch.bfloat16, enabled=is_mixed):
        network(x)
    assert seen[0].is_contiguous(memory_format=torch.channels_last_3d)
    assert seen[0].dtype is (torch.bfloat16 if is_mixed else torch.float32)
