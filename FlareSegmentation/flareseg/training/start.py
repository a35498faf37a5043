"""Initial weights of a network: He's initialisation, PyTorch's, or the shipped weights."""

from __future__ import annotations

from torch import nn

from flareseg.inference.networks import build
from flareseg.inference.networks.savings import save_memory
from flareseg.inference.weights import load_network
from flareseg.training.config import CLASSES_OF, StageConfig
from flareseg.training.sample import Stage


def new_network(stage: Stage, config: StageConfig) -> nn.Module:
    """The network of a stage before its first step. Raises WeightsError if shipped weights do not fit."""
    network = build(config.network.name, CLASSES_OF[stage], config.network.options)
    if config.start == "he":
        network.apply(_he)
    elif config.start == "shipped":
        shipped = load_network(stage.value, CLASSES_OF[stage]).network
        network.load_state_dict(shipped.state_dict())
    save_memory(network, config.memory.savings)
    return network


def _he(module: nn.Module) -> None:
    """He et al. 2015: normal numbers whose spread keeps the signal's variance through ReLU layers."""
    if isinstance(module, (nn.Conv3d, nn.ConvTranspose3d)):
        nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
