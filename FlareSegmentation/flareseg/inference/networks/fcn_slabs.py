"""The finest level of the memory-efficient FCN, slab by slab, for passes without gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import cast

import torch
from torch import Tensor, nn

from flareseg.inference.networks.fcn_blocks import DenseLevel, Output, Unit


@dataclass(frozen=True)
class Span:
    """Slices of the finest level, ``start`` to ``stop``, and what is computed with them, ``low`` to ``high``."""

    start: int
    stop: int
    low: int
    high: int

    @property
    def own(self) -> slice:
        """The slices from start to stop among those from low to high."""
        return slice(self.start - self.low, self.stop - self.low)

    @property
    def halved(self) -> slice:
        """The same on the next coarser level."""
        return slice(self.own.start // 2, self.own.stop // 2)


class FinestBySlabs:
    """Computes what the finest level gives, with the memory of a slab.

    A slab has a margin for all that its own slices see, so that they are as of the whole scan. Instance norms need the
    statistics of the whole scan: for each of them, in order, the layers before it are computed once more.

    Args:
        stem: What makes the level's features of the scan.
        level: The dense units.
        output: The decoder, with the logits.
        x: The input, (batch, 1, k, j, i).
        slab: Slices that are computed at a time, an even number.
    """

    def __init__(self, stem: Unit, level: DenseLevel, output: Output, x: Tensor, slab: int) -> None:
        self._encoder = [stem, *cast("list[Unit]", list(level.units))]
        self._decoder = cast("list[Unit]", list(output.merge.units))
        self._output, self._x, self._slab = output, x, slab
        self._step = cast(nn.Conv3d, stem[0]).stride[0]
        self._slices = x.shape[2] // self._step
        self._norms: dict[nn.Module, tuple[Tensor, Tensor]] = {}  # scale and offset by unit

    def convolutions(self, down: Unit) -> int:
        """How many convolutions ``down`` and ``logits`` compute."""
        encoder, decoder = (
            list(accumulate(len(unit) - 2 for unit in units)) for units in (self._encoder, self._decoder)
        )
        skip, reduce, head = 1, 1, 1
        computed = 2 * encoder[-1] + len(down) - 2 + skip + reduce + decoder[-1] + head
        if self._learns(self._output.skip):
            computed += sum(encoder) + encoder[-1] + skip
            computed += sum(encoder[-1] + skip + reduce + units for units in decoder)
        return computed * len(list(self._spans(0)))

    def down(self, unit: Unit) -> Tensor:
        """What a unit that halves the resolution gives of the features: (batch, channels, k / 2, j / 2, i / 2)."""
        for number, each in enumerate(self._encoder):
            self._learn_norm(each, partial(self._encoded, number), margin=number + 1)
        margin = len(self._encoder) + 1
        parts = [unit.convolved(*self._features(span))[:, :, span.halved].clone() for span in self._spans(margin)]
        return unit.finished(torch.cat(parts, dim=2))

    def logits(self, coarse: Tensor) -> Tensor:
        """The logits, (batch, classes, k, j, i), from the decoder's features of the next coarser level."""
        seen = len(self._encoder)
        self._learn_norm(self._output.skip, self._features, margin=seen)
        for number, unit in enumerate(self._decoder):
            self._learn_norm(unit, partial(self._decoded, number, coarse), margin=seen + number + 1)
        logits: Tensor | None = None
        for span in self._spans(seen + len(self._decoder)):
            slab = self._output.head(*self._decoded(len(self._decoder), coarse, span))
            if logits is None:
                logits = slab.new_empty((*slab.shape[:2], self._slices, *slab.shape[3:]))
            logits[:, :, span.start : span.stop] = slab[:, :, span.own]
        assert logits is not None
        return logits

    def _spans(self, margin: int) -> Iterator[Span]:
        """The slabs; the coarser level has half of the slices, so that all numbers are even."""
        margin += margin % 2
        for start in range(0, self._slices, self._slab):
            stop = min(start + self._slab, self._slices)
            yield Span(start, stop, max(0, start - margin), min(self._slices, stop + margin))

    def _encoded(self, units: int, span: Span) -> list[Tensor]:
        """The features of the first units of the encoder; of none of them, the input."""
        x = self._x[:, :, self._step * span.low : self._step * span.high]
        features: list[Tensor] = []
        for unit in self._encoder[:units]:
            features.append(self._applied(unit, *(features or [x])))
        return features or [x]

    def _features(self, span: Span) -> list[Tensor]:
        return self._encoded(len(self._encoder), span)

    def _decoded(self, units: int, coarse: Tensor, span: Span) -> list[Tensor]:
        """The decoder's features after its first units."""
        skip = self._applied(self._output.skip, *self._features(span))
        x = self._output.merge.joined(coarse[:, :, span.low // 2 : span.high // 2], skip)
        for unit in self._decoder[:units]:
            x = self._applied(unit, x)
        return [x]

    def _applied(self, unit: Unit, *features: Tensor) -> Tensor:
        x = unit.convolved(*features)
        if unit not in self._norms:
            return unit.finished(x)
        scale, offset = self._norms[unit]
        return unit[-1](torch.addcmul(offset, x, scale, out=x))

    def _learns(self, unit: Unit) -> bool:
        """Whether a unit's norm needs the statistics of more than one slab."""
        return isinstance(unit[-2], nn.InstanceNorm3d) and self._slab < self._slices

    def _learn_norm(self, unit: Unit, inputs: Callable[[Span], Sequence[Tensor]], margin: int) -> None:
        """Find an instance norm's scale and offset for the whole scan, from those of its slabs."""
        if not self._learns(unit):
            return
        norm = unit[-2]
        assert isinstance(norm, nn.InstanceNorm3d)
        slabs = [_statistics(unit.convolved(*inputs(span))[:, :, span.own]) for span in self._spans(margin)]
        slices, variances, means = (torch.stack(each) for each in zip(*slabs))
        shares = slices / slices.sum(dim=0)
        mean = (shares * means).sum(dim=0)
        variance = (shares * (variances + (means - mean) ** 2)).sum(dim=0)
        scale = norm.weight[:, None, None, None] * (variance + norm.eps).rsqrt()
        offset = norm.bias[:, None, None, None] - mean * scale
        self._norms[unit] = scale.to(self._x.dtype), offset.to(self._x.dtype)


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Number of slices, variance and mean, for each channel of each scan: (batch, channels, 1, 1, 1)."""
    x = x.to(torch.promote_types(x.dtype, torch.float32))
    variance, mean = torch.var_mean(x, dim=(2, 3, 4), correction=0, keepdim=True)
    return torch.full_like(mean, x.shape[2]), variance, mean
