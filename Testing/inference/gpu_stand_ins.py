"""What stands in for a GPU's own memory and streams where there is none: as late as a GPU may be, never kinder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from flareseg.inference.recorded import Compute, Replay
from torch import Tensor

STALE = 99  # what memory holds before a copy has been made


@dataclass
class LateCopy:
    """A copy that is not made before it is waited for. The program knows of its end by ``finish`` only."""

    host: Tensor
    make: Callable[[], object]
    is_made: bool = False
    is_finished: bool = False

    def wait(self) -> None:
        if not self.is_made:
            self.make()
        self.is_made = True


@dataclass
class LateLink:
    """A link that copies as late as a GPU may: what is used before its event is wrong, and refused if sent again."""

    device: torch.device | str = "cpu"
    copies: list[LateCopy] = field(default_factory=list)
    log: list[str] = field(default_factory=list)

    def pinned(self, numbers: int, dtype: torch.dtype) -> Tensor:
        return torch.full((numbers,), STALE, dtype=dtype)

    def send(self, host: Tensor) -> tuple[Tensor, LateCopy]:
        for copy in self.copies:
            assert copy.is_finished or copy.host.data_ptr() != host.data_ptr(), "filled while it may still be copied"
        tensor = torch.full_like(host, STALE, device=self.device)
        return tensor, self.begun("send", LateCopy(host, lambda: tensor.copy_(host)))

    def arrive(self, tensor: Tensor, event: LateCopy) -> None:
        self.log.append("arrive")
        event.wait()

    def fetch(self, tensor: Tensor, host: Tensor) -> LateCopy:
        return self.begun("fetch", LateCopy(host, lambda: host.copy_(tensor)))

    def finish(self, event: LateCopy) -> None:
        self.log.append("finish")
        event.wait()
        event.is_finished = True

    def begun(self, word: str, copy: LateCopy) -> LateCopy:
        self.log.append(word)
        self.copies.append(copy)
        return copy


def on_the_same_memory(compute: Compute) -> tuple[Tensor, Replay]:
    """Record a computation; like a CUDA graph it reads and writes the same memory each time."""
    result = compute()
    return result, lambda: result.copy_(compute())
