"""What a child process is asked to do, and the account that it gives of it: one JSON file each way."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flareseg.benchmark.sampling import Sampling

MACHINE, CONTEXT = "machine", "context"  # kinds of job beside the two protocols


@dataclass(frozen=True)
class Job:
    """``kind``: a protocol, MACHINE (what this computer is) or CONTEXT (a CUDA context and nothing else)."""

    kind: str
    device: str
    method: str = ""
    scan: str = ""
    output: str = ""
    repeats: int = 1

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Job:
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass
class Account:
    """The child's own account.

    ``entered``, ``ended``: seconds since the epoch when its Python code began and ended. ``stages``: seconds, medians
    when warm. ``seconds``: wall clock of each warm run from array to labels, ``cpu_seconds``: processor time of
    that in any run. ``event_seconds``: their median between CUDA events.
    ``ram_mb``: peak resident memory while segmenting, ``given_mb``: of that, scan and labels.
    ``reported_ram_mb``, ``reported_gpu_mb``: the peaks in the engine's own report (MB of 1e6 bytes).
    ``passes``: forward passes of a network that the method asks for. ``passes_run``: those really run, at
    ``pass_seconds`` of wall clock and ``pass_cpu_seconds`` of processor time each; the others would have taken
    ``missing_seconds`` and ``missing_cpu_seconds``.
    ``problem``: why there are no figures.
    """

    entered: float
    ended: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)
    event_seconds: float | None = None
    dtype: str = ""
    ram_mb: float | None = None
    given_mb: float = 0.0
    gpu_allocated_mib: float | None = None
    reported_ram_mb: float | None = None
    reported_gpu_mb: float | None = None
    passes: int = 0
    passes_run: int = 0
    pass_seconds: float = 0.0
    pass_cpu_seconds: float = 0.0
    missing_seconds: float = 0.0
    missing_cpu_seconds: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def add_sampling(self, sampling: Sampling | None) -> None:
        """What a method left out of the scan it has just segmented."""
        if sampling:
            self.passes, self.passes_run = sampling.passes, len(sampling.seconds)
            self.pass_seconds, self.pass_cpu_seconds = sampling.pass_seconds, sampling.pass_cpu_seconds
            self.missing_seconds = sampling.missing_seconds
            self.missing_cpu_seconds = sampling.missing_cpu_seconds

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Account:
        return cls(**json.loads(path.read_text(encoding="utf-8")))
