"""A slow network that runs a few times only, so that minutes can be told from seconds."""

from __future__ import annotations

import statistics
import time

import torch
from torch import Tensor, nn

ENOUGH_SECONDS = 10.0
ENOUGH_PASSES = 3


class Sampling:
    """Counts the passes that are asked for, and tells what those left out would have cost."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Forget what was counted: a new scan."""
        self.passes = 0
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self.repeat_seconds = 0.0

    @property
    def enough(self) -> bool:
        return len(self.seconds) >= ENOUGH_PASSES or sum(self.seconds) >= ENOUGH_SECONDS

    @property
    def pass_seconds(self) -> float:
        """Wall clock of one pass: the median of those run, 0 when none was."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    @property
    def pass_cpu_seconds(self) -> float:
        return statistics.median(self.cpu_seconds) if self.cpu_seconds else 0.0

    @property
    def missing_seconds(self) -> float:
        """Wall clock of the passes left out, less that of repeating an answer in their place."""
        return (self.passes - len(self.seconds)) * self.pass_seconds - self.repeat_seconds

    @property
    def missing_cpu_seconds(self) -> float:
        return (self.passes - len(self.cpu_seconds)) * self.pass_cpu_seconds


class SampledNetwork(nn.Module):
    """The real network until enough was measured; after that its last answer again, which is as large.

    All around it, cutting into patches, adding up and resampling, runs whole. For the CPU only, where wall clock
    around a call is the time of the call.
    """

    def __init__(self, network: nn.Module, sampling: Sampling) -> None:
        super().__init__()
        self.network = network
        self._sampling = sampling
        self._answer = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        sampling = self._sampling
        sampling.passes += 1
        start, cpu_start = time.perf_counter(), time.process_time()
        if sampling.enough:
            answer = self._answer.clone()  # the predictor works on it in place
            sampling.repeat_seconds += time.perf_counter() - start
            return answer
        answer = self.network(x)
        sampling.seconds.append(time.perf_counter() - start)
        sampling.cpu_seconds.append(time.process_time() - cpu_start)
        self._answer = answer.clone()
        return answer
