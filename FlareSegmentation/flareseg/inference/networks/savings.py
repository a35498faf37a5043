"""Savings of memory in training that change neither the weights of a network nor what it computes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


@dataclass(frozen=True)
class Savings:
    """``checkpoint``: what is inside a unit, or a larger part of a network, is computed again in the backward pass
    instead of being kept (Chen et al. 2016). ``in_place``: norm and activation overwrite the output of the convolution
    (Rota Bulò et al. 2018)."""

    checkpoint: bool = False
    in_place: bool = False


def possible(network: nn.Module) -> Savings:
    """Return the savings that a network has, to be switched on."""
    parts = _parts(network)
    return Savings(checkpoint=bool(parts), in_place=any(getattr(part, "norm_in_place", False) for part in parts))


def save_memory(network: nn.Module, savings: Savings) -> None:
    """Switch the savings of a network on or off. Raises ValueError for one that it does not have."""
    has, name = possible(network), type(network).__name__
    if savings.checkpoint and not has.checkpoint:
        raise ValueError(f"{name} has no checkpoints")
    if savings.in_place and not has.in_place:
        raise ValueError(f"{name} has no norms in place")
    for part in _parts(network):
        part.savings = savings  # type: ignore[assignment]


def call(savings: Savings, module: nn.Module, *inputs: Tensor) -> Any:
    """The module's output; with ``checkpoint`` only its inputs are kept for the backward pass."""
    if not (savings.checkpoint and torch.is_grad_enabled()):
        return module(*inputs)
    return checkpoint(
        module,
        *inputs,
        use_reentrant=False,
        preserve_rng_state=False,  # the networks draw no random numbers
        context_fn=lambda: (contextlib.nullcontext(), _statistics_kept(module)),
    )


def _parts(network: nn.Module) -> list[nn.Module]:
    return [module for module in network.modules() if isinstance(getattr(module, "savings", None), Savings)]


@contextlib.contextmanager
def _statistics_kept(module: nn.Module) -> Iterator[None]:
    """The running statistics of batch norms stay as they are: the second computation must not count twice."""
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm3d)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None  # 0 leaves them as they are, to the bit
    try:
        yield
    finally:
        for norm, (momentum, batches) in zip(norms, before):
            norm.momentum, norm.num_batches_tracked = momentum, batches
