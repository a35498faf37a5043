"""What a saving of memory must not change."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def assert_same_step(plain: nn.Module, saving: nn.Module, x: Tensor) -> None:
    """Assert that two networks in float64 have the same logits, gradients and running statistics after ``x``."""
    one, other = plain.train()(x), saving.train()(x)
    for logits in (one, other):
        logits.square().mean().backward()
    torch.testing.assert_close(other, one, rtol=1e-11, atol=1e-12)
    for name, parameter in plain.named_parameters():
        torch.testing.assert_close(saving.get_parameter(name).grad, parameter.grad, rtol=1e-9, atol=1e-12)
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(saving.get_buffer(name), buffer, rtol=1e-12, atol=1e-14)
