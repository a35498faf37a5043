"""Batch or instance norm and leaky ReLU in the memory of their input, for training.

The in-place activated batch norm of Rota Bulò, Porzi and Kontschieder (CVPR 2018): the output takes the place of the
input, and the backward pass computes the normalised input from the output. The next convolution keeps that output in
any case, so norm and activation keep nothing of their own.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LEAST_SCALE = 1e-3  # of the norm; a smaller one is taken for this, as it cannot be undone
_OF_BATCH, _OF_SAMPLE = (0, 2, 3, 4), (2, 3, 4)  # what the statistics are taken over
_SLICES = 8  # of which the gradient is computed at a time


def in_place_norm_activation(x: Tensor, norm: nn.BatchNorm3d | nn.InstanceNorm3d, slope: float) -> Tensor:
    """The norm with the statistics of the batch or of each sample, then leaky ReLU.

    ``x`` (batch, channels, k, j, i) is overwritten. Updates the running statistics as batch norm itself does in
    training.
    """
    dims = _OF_BATCH if isinstance(norm, nn.BatchNorm3d) else _OF_SAMPLE
    count = math.prod(x.shape[dim] for dim in dims)
    if count == 1:
        raise ValueError(f"one value of each channel has no variance: input of {tuple(x.shape)}")
    # in float32 at least: the squares of half-precision numbers would overflow
    variance, mean = torch.var_mean(x.detach().to(norm.weight.dtype), dim=dims, correction=0, keepdim=True)
    if isinstance(norm, nn.BatchNorm3d):
        _update_statistics(norm, mean.flatten(), variance.flatten(), count)
    return _NormActivation.apply(x, norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt(), slope, dims)


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
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        inverse_std: Tensor,
        slope: float,
        dims: tuple[int, ...],
    ) -> Tensor:
        scale, bias = _wide(_invertible(weight)), _wide(bias)
        gain = scale * inverse_std
        F.leaky_relu_(x.mul_(gain).add_(bias - mean * gain), slope)
        ctx.mark_dirty(x)
        ctx.slope, ctx.dims = slope, dims
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
        to_scale, to_bias = torch.zeros_like(gain), torch.zeros_like(gain)
        zero = torch.zeros((), dtype=output.dtype, device=output.device)
        for after, gradient, before in slabs:
            torch.heaviside(after, zero, out=before).clamp_(min=ctx.slope).mul_(gradient)  # of the activation's input
            to_bias += _sum(before, ctx.dims, gain.dtype)
            to_scale += _sum(_normalised(after, scale, bias, ctx.slope).mul_(before), ctx.dims, gain.dtype)
        count = output.numel() / gain.numel()
        for after, _, before in slabs:
            shared = _normalised(after, scale, bias, ctx.slope).mul_(to_scale / count)
            before.sub_(shared).sub_(to_bias / count).mul_(gain)
        return to_input, *(each.sum(dim=_OF_BATCH) for each in (to_scale, to_bias)), None, None, None, None


def _normalised(output: Tensor, scale: Tensor, bias: Tensor, slope: float) -> Tensor:
    """The input of scale and offset, from the output of the activation; a new tensor."""
    return F.leaky_relu(output, 1 / slope).sub_(bias).div_(scale)


def _sum(x: Tensor, dims: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    return x.sum(dim=dims, keepdim=True, dtype=dtype)


def _invertible(weight: Tensor) -> Tensor:
    """The scale of the norm, at least LEAST_SCALE away from 0."""
    return torch.where(weight < 0, weight.clamp(max=-LEAST_SCALE), weight.clamp(min=LEAST_SCALE))


def _wide(per_channel: Tensor) -> Tensor:
    return per_channel.view(1, -1, 1, 1, 1)
