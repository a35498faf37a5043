"""Forward and backward pass of one batch, as the trainer does it and as its memory is counted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from flareseg.training.batches import TrainingBatch
from flareseg.training.config import MemoryConfig
from flareseg.training.losses import OrganLoss
from flareseg.training.saved_tensors import saving
from flareseg.training.slab_loss import loss_by_slabs


def forward(
    network: Callable[[Tensor], Tensor],
    loss: OrganLoss,
    batch: TrainingBatch,
    memory: MemoryConfig,
    layout: torch.memory_format = torch.contiguous_format,
) -> tuple[Tensor, Tensor]:
    """Logits and loss of a batch, with what their backward pass needs."""
    with saving(memory.saved):
        logits = network(batch.images.contiguous(memory_format=layout))
        return logits, loss_by_slabs(loss, logits, batch, memory.loss_slab)
