"""Folding of batch norm into the preceding convolutions: the same function with fewer passes over memory."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def folded(network: nn.Module) -> nn.Module:
    """A copy of a trained network in evaluation mode, each convolution of which takes in the batch norm after it.

    Only pairs that a Sequential holds one after the other are folded; other norms stay as they are.
    """
    network = copy.deepcopy(network).eval()
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            _fold(module)
    return network


def _fold(layers: nn.Sequential) -> None:
    for name, after in zip(list(layers._modules), list(layers._modules)[1:]):
        convolution, norm = layers._modules[name], layers._modules[after]
        if isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d):
            layers._modules[name] = fuse_conv_bn_eval(convolution, norm)
            layers._modules[after] = nn.Identity()
