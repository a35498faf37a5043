"""The networks, one per file, built by name."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

import torch
from torch import nn

from flareseg.inference.networks.dense_vnet import DenseVNet
from flareseg.inference.networks.memory_efficient_fcn import MemoryEfficientFCN
from flareseg.inference.networks.plain_unet import PlainUNet
from flareseg.inference.networks.roi_unet import RoiUNet

NETWORKS: dict[str, type[nn.Module]] = {
    "RoiUNet": RoiUNet,
    "DenseVNet": DenseVNet,
    "MemoryEfficientFCN": MemoryEfficientFCN,
    "PlainUNet": PlainUNet,
}


def divisor_of(network: nn.Module) -> int:
    """What each size of the network's input is divisible by."""
    return int(getattr(network, "divisor", 1))


def divisor_by_name(name: str, options: Mapping[str, Any] | None = None) -> int:
    """The same of the network called ``name``, of which no weights are made and no random numbers drawn."""
    with torch.device("meta"):
        return divisor_of(build(name, 2, options))


def all_options(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the network called ``name`` with its defaults, as JSON holds them.

    What is built with all of them stays the same when defaults change.
    """
    defaults = {key: each.default for key, each in signature(NETWORKS[name]).parameters.items() if key != "classes"}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in {**defaults, **options}.items()}


def build(name: str, classes: int, options: Mapping[str, Any] | None = None) -> nn.Module:
    """The network called ``name`` with its ``options`` (widths and the like, as JSON or YAML holds them).

    Raises ValueError for an unknown name and TypeError for unknown options.
    """
    if name not in NETWORKS:
        raise ValueError(f"unknown network {name}; known are {', '.join(NETWORKS)}")
    return NETWORKS[name](classes=classes, **(options or {}))
