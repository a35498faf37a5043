"""All rows of a benchmark, made of the child's account and the measurements from outside."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flareseg.evaluation.resources import area_under, peak_of

from benchmarks.job import Account
from benchmarks.methods import FLARE21, OURS, WARM
from benchmarks.row import Row
from benchmarks.watch import Watched

SCHEMA_VERSION = 2
BASE_SLICES = 160


@dataclass
class Results:
    """``machine``: machine.facts of where it ran; ``about``: what CT the scans are made of; ``minutes``: all in all."""

    machine: dict[str, Any]
    about: str
    rows: list[Row] = field(default_factory=list)
    minutes: float = 0.0

    def dumps(self) -> str:
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    def of(self, protocol: str) -> list[Row]:
        """The rows of a protocol: by device, then slices, then cost of the method."""
        return [row for row in self.rows if row.protocol == protocol]

    def ours(self, protocol: str, device: str, slices: int) -> Row | None:
        """Our row, if it has figures."""
        wanted = (protocol, OURS, device, slices)
        found = [row for row in self.rows if (row.protocol, row.method, row.device, row.slices) == wanted]
        return next((row for row in found if row.seconds is not None), None)

    @property
    def base_slices(self) -> int:
        """The number of slices that single figures are given for: 160, or the one closest to it."""
        return min({row.slices for row in self.rows}, key=lambda slices: abs(slices - BASE_SLICES), default=BASE_SLICES)


def row_of(account: Account, watched: Watched, context: Sequence[float] = ()) -> Row:
    """The row of a job that ended. ``context``: levels of the GPU sampled around a bare CUDA context."""
    row = replace(account.row, others=watched.others)
    if row.problem or row.protocol != FLARE21:
        return row
    row = replace(
        row,
        seconds=watched.seconds + account.left_out[0],
        cpu_seconds=watched.cpu_seconds + account.left_out[1],
        stages={"start": account.entered - watched.started, **row.stages, "exit": watched.ended - account.ended},
        ram_mb=watched.ram_mb,
        ram_above_mb=watched.ram_mb - account.given_mb if account.given_mb else None,
    )
    levels = watched.gpu_mib
    if row.device != "cuda" or not levels:
        return row
    above = peak_of(levels) - peak_of(context) if context else None
    area, highest = area_under(levels), max(levels)
    return replace(row, gpu_mib=peak_of(levels), gpu_highest_mib=highest, gpu_area=area, gpu_above_context_mib=above)


def warm_of_cold(account: Account, watched: Watched) -> Row:
    """The warm row of a sampled method, from its job in a fresh process: so long a run happens only once."""
    row = account.row
    stages = {name: seconds for name, seconds in row.stages.items() if name not in ("load", "read", "write")}
    ram_mb, above = watched.ram_mb, watched.ram_mb - account.given_mb
    return replace(row, protocol=WARM, others=watched.others, stages=stages, ram_mb=ram_mb, ram_above_mb=above)
