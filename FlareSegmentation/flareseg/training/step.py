"""Forward and backward pass of one batch, as the trainer does it and as its memory is counted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flareseg.training.batches import TrainingBatch
from flareseg.training.config import MemoryConfig
from flareseg.training.losses import OrganLoss
from flareseg.training.slab_loss import loss_by_slabs


def forward(
    network: Callable[[Tensor], Tensor],
    loss: OrganLoss,
    batch: TrainingBatch,
    memory: MemoryConfig,
) -> tuple[Tensor, Tensor]:
    """Logits and loss of a batch, with what their backward pass needs."""
    logits = network(batch.images.contiguous(memory_format=layout_on(batch.images.device)))
    return logits, loss_by_slabs(loss, logits, batch, memory.loss_slab)


def layout_on(device: torch.device) -> torch.memory_format:
    """What the convolutions of a device are fastest with: the tensor cores of a GPU take channels last."""
    return torch.channels_last_3d if device.type == "cuda" else torch.contiguous_format
