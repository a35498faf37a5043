"""Initial weights of a network: He's initialisation, PyTorch's, or the shipped weights; a prior for whole scans."""

from __future__ import annotations

import math

import torch
from torch import nn

from flareseg.inference.networks import build
from flareseg.inference.networks.savings import save_memory
from flareseg.inference.weights import load_network
from flareseg.training.config import CLASSES_OF, StageConfig
from flareseg.training.sample import Stage

PRIOR = 0.01  # probability of each organ in each voxel
PRIOR_WEIGHT_SD = 0.01


def new_network(stage: Stage, config: StageConfig) -> nn.Module:
    """The network of a stage before its first step. Raises WeightsError if shipped weights do not fit."""
    network = build(config.network.name, CLASSES_OF[stage], config.network.options)
    if config.start == "he":
        network.apply(_he)
    elif config.start == "shipped":
        shipped = load_network(stage.value, CLASSES_OF[stage]).network
        network.load_state_dict(shipped.state_dict())
    if stage is Stage.FULL_SIZE:
        _expect_background(network)
    save_memory(network, config.memory.savings)
    return network


def _expect_background(network: nn.Module) -> None:
    """Let the head begin with a probability of PRIOR for each organ, as Lin et al. 2017 (focal loss, section 4.1) do.

    Of whole scans organs are a few percent. Without this the first steps only unlearn organs, further than is right: in
    small trials an earlier memory-efficient FCN found a liver after 135 instead of 30 steps.
    """
    head = network.head
    assert isinstance(head, nn.Conv3d) and head.bias is not None, "every network ends so"
    nn.init.normal_(head.weight, std=PRIOR_WEIGHT_SD)
    nn.init.zeros_(head.bias)
    with torch.no_grad():
        head.bias[0] = math.log((1 - PRIOR * (head.out_channels - 1)) / PRIOR)


def _he(module: nn.Module) -> None:
    """He et al. 2015: normal numbers whose spread keeps the signal's variance through ReLU layers."""
    if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
