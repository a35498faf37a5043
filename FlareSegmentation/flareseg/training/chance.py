"""The random numbers of one sample, all determined by its seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

Item = TypeVar("Item")


class Chance:
    """Scalars and tensors drawn from one seed: the same seed on the same device gives the same sample.

    A run that is resumed needs no state of a generator, only the numbers of its samples.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        self._scalars = random.Random(seed)
        self._tensors = torch.Generator(self.device).manual_seed(seed % 2**63)

    def uniform(self, low: float, high: float) -> float:
        return self._scalars.uniform(low, high)

    def log_uniform(self, low: float, high: float) -> float:
        """Between two positive numbers, each octave as likely as the next."""
        return math.exp(self._scalars.uniform(math.log(low), math.log(high)))

    def normal(self, mean: float = 0.0, sd: float = 1.0) -> float:
        return self._scalars.gauss(mean, sd)

    def integer(self, low: int, high: int) -> int:
        """Between two numbers, both included."""
        return self._scalars.randint(low, high)

    def happens(self, probability: float) -> bool:
        return self._scalars.random() < probability

    def choose(self, items: Sequence[Item], weights: Sequence[float] | None = None) -> Item:
        return self._scalars.choices(items, weights)[0]

    def white_noise(self, shape: Sequence[int]) -> Tensor:
        """Independent normal numbers (mean 0, SD 1), float32."""
        return torch.randn(tuple(shape), generator=self._tensors, device=self.device)

    def smooth_noise(self, shape: Sequence[int], cells: float, channels: int = 1) -> Tensor:
        """Smooth fields (channels, k, j, i) of mean 0 and SD about 1.

        ``cells``: how many independent values lie along the longest axis.
        """
        longest = max(shape)
        coarse = [max(2, round(cells * size / longest) + 1) for size in shape]
        noise = self.white_noise((1, channels, *coarse))
        # trilinear interpolation takes about a third of the spread away
        return 1.5 * F.interpolate(noise, tuple(shape), mode="trilinear", align_corners=True)[0]


def seed_of(*parts: int) -> int:
    """One seed from several numbers (of the run, the process, the sample); splitmix64's finaliser mixes them."""
    mixed = 0
    for part in parts:
        mixed = (mixed + part + 0x9E3779B97F4A7C15) & (2**64 - 1)
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
        mixed ^= mixed >> 31
    return mixed
