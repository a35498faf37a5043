"""Batch norm and leaky ReLU in the memory of their input, for training.

The in-place activated batch norm of Rota Bulò, Porzi and Kontschieder (CVPR 2018): the output takes the place of the
input, and the backward pass computes the normalised input from the output. The next convolution keeps that output in
any case, so norm and activation keep nothing of their own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LEAST_SCALE = 1e-3  # of the norm; a smaller one is taken for this, as it cannot be undone
_DIMS = (0, 2, 3, 4)
_SLICES = 8  # of which the gradient is computed at a time


def in_place_norm_activation(x: Tensor, norm: nn.BatchNorm3d, slope: float) -> Tensor:
    """Batch norm with the statistics of the batch, then leaky ReLU; ``x`` (batch, channels, k, j, i) is overwritten.

    Updates the running statistics as the norm itself does in training.
    """
    if x.numel() == x.shape[1]:
        raise ValueError(f"one value of each channel has no variance: input of {tuple(x.shape)}")
    # in float32 at least: the squares of half-precision numbers would overflow
    variance, mean = torch.var_mean(x.detach().to(norm.weight.dtype), dim=_DIMS, correction=0)
    _update_statistics(norm, mean, variance, x.numel() / x.shape[1])
    return _NormActivation.apply(x, norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt(), slope)


@torch.no_grad()
def _update_statistics(norm: nn.BatchNorm3d, mean: Tensor, variance: Tensor, count: float) -> None:
    assert norm.running_mean is not None and norm.running_var is not None and norm.momentum is not None
    if norm.num_batches_tracked is not None:
        norm.num_batches_tracked.add_(1)
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / (count - 1)), norm.momentum)


class _NormActivation(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, inverse_std: Tensor, slope: float
    ) -> Tensor:
        scale = _invertible(weight)
        gain = scale * inverse_std
        F.leaky_relu_(x.mul_(_wide(gain)).add_(_wide(bias - mean * gain)), slope)
        ctx.mark_dirty(x)
        ctx.slope = slope
        ctx.save_for_backward(x, scale, bias, gain)
        return x

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of the input, the scale and the offset.

        The formula of batch norm's gradient, slab by slab: besides the result nothing of the input's size is made. The
        normalised input is computed twice, for the sums and for the result.
        """
        output, scale, bias, gain = ctx.saved_tensors
        to_input = torch.empty_like(output)
        slabs = list(zip(*(tensor.split(_SLICES, dim=2) for tensor in (output, gradients[0], to_input))))
        to_scale, to_bias = torch.zeros_like(scale), torch.zeros_like(scale)
        zero = torch.zeros((), dtype=output.dtype, device=output.device)
        for after, gradient, before in slabs:
            torch.heaviside(after, zero, out=before).clamp_(min=ctx.slope).mul_(gradient)  # of the activation's input
            to_bias += before.sum(dim=_DIMS, dtype=scale.dtype)
            to_scale += _normalised(after, scale, bias, ctx.slope).mul_(before).sum(dim=_DIMS, dtype=scale.dtype)
        count = output.numel() / output.shape[1]
        for after, _, before in slabs:
            shared = _normalised(after, scale, bias, ctx.slope).mul_(_wide(to_scale / count))
            before.sub_(shared).sub_(_wide(to_bias / count)).mul_(_wide(gain))
        return to_input, to_scale, to_bias, None, None, None


def _normalised(output: Tensor, scale: Tensor, bias: Tensor, slope: float) -> Tensor:
    """The input of scale and offset, from the output of the activation; a new tensor."""
    return F.leaky_relu(output, 1 / slope).sub_(_wide(bias)).div_(_wide(scale))


def _invertible(weight: Tensor) -> Tensor:
    """The scale of the norm, at least LEAST_SCALE away from 0."""
    return torch.where(weight < 0, weight.clamp(max=-LEAST_SCALE), weight.clamp(min=LEAST_SCALE))


def _wide(per_channel: Tensor) -> Tensor:
    return per_channel.view(1, -1, 1, 1, 1)
