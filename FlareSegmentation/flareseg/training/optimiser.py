"""The optimiser of a config."""

from __future__ import annotations

import torch
from torch import nn

from flareseg.training.config import OptimiserConfig


def new_optimiser(network: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser of a config, with its highest learning rate."""
    if config.name == "sgd":
        return torch.optim.SGD(
            network.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    return torch.optim.AdamW(network.parameters(), lr=config.lr, weight_decay=config.weight_decay)
