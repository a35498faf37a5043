"""What a benchmark measured: a row for each method, protocol, device and scan; one JSON schema."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from flareseg.benchmark.catalogue import FLARE21, OURS, OUTER_STAGES, STAGES, WARM
from flareseg.benchmark.floor import Floor
from flareseg.benchmark.job import Account, Job
from flareseg.benchmark.watch import Watched
from flareseg.evaluation.resources import MIB, area_under, peak_of

SCHEMA_VERSION = 1
BASE_SLICES = 160
REFLECTIONS = 8  # along none, one, two or three axes


@dataclass(frozen=True)
class Row:
    """One measurement. ``device``: "cpu" or "cuda". None: not measured.

    ``seconds``: wall clock, of the whole process (flare21) or from array to labels (warm: the median of ``runs``).
    ``event_seconds``: the latter between CUDA events. ``cpu_seconds``: processor time of the same, of
    which ``inner_cpu_seconds`` from array to labels (flare21, peers).
    ``ram_mb``: peak resident memory of the process (1e6 bytes; for flare21 sampled from outside), ``ram_above_mb``:
    without the scan and the labels. ``gpu_allocated_mib``: peak of the allocator. ``gpu_mib``: the device's level as
    FLARE21 counts it, ``gpu_area``: its sum in MiB·s, ``gpu_above_context_mib``: the level less a bare CUDA context's.
    ``reported_ram_mb`` and ``reported_gpu_mib``: the peaks in the engine's own report, against ``ram_mb`` and
    ``gpu_highest_mib`` from outside.
    ``others``: share of the processor (0..1) that other programs had meanwhile.
    ``passes`` of a peer's network, of which ``passes_run`` were run, at ``pass_seconds`` and ``pass_cpu_seconds`` each.
    ``problem``: why there are no figures.
    """

    protocol: str
    method: str
    device: str
    slices: int
    seconds: float | None = None
    runs: int = 1
    event_seconds: float | None = None
    stages: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
    inner_cpu_seconds: float = 0.0
    ram_mb: float | None = None
    ram_above_mb: float | None = None
    gpu_allocated_mib: float | None = None
    gpu_mib: float | None = None
    gpu_highest_mib: float | None = None
    gpu_area: float | None = None
    gpu_above_context_mib: float | None = None
    reported_ram_mb: float | None = None
    reported_gpu_mib: float | None = None
    others: float = 0.0
    dtype: str = ""
    passes: int = 0
    passes_run: int = 0
    pass_seconds: float = 0.0
    pass_cpu_seconds: float = 0.0
    problem: str = ""

    @property
    def extrapolated(self) -> str:
        """How, where not all of the network was run; else empty."""
        if self.passes_run == self.passes:
            return ""
        return f"extrapolated from {self.passes_run} of {self.passes} network passes"


@dataclass
class Results:
    """``machine``: machine.facts of where it ran; ``about``: what CT the scans are made of; ``minutes``: all in all."""

    machine: dict[str, Any]
    about: str
    in_plane: int
    rows: list[Row] = field(default_factory=list)
    minutes: float = 0.0

    def dumps(self) -> str:
        return json.dumps({"schema_version": SCHEMA_VERSION, **asdict(self)}, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def loads(cls, text: str) -> Results:
        """Inverse of dumps. Raises ValueError for another schema version."""
        data = json.loads(text)
        if data.pop("schema_version", None) != SCHEMA_VERSION:
            raise ValueError(f"benchmark results of another schema version than {SCHEMA_VERSION}")
        return cls(**{**data, "rows": [Row(**row) for row in data["rows"]]})

    def of(self, protocol: str) -> list[Row]:
        """The rows of a protocol: by device, then slices, then method in the catalogue's order of cost."""
        return [row for row in self.rows if row.protocol == protocol]

    def ours_beside(self, row: Row) -> Row | None:
        """Our row for the same protocol, device and scan, if it has figures."""
        same = (row.protocol, OURS.key, row.device, row.slices)
        found = [each for each in self.rows if (each.protocol, each.method, each.device, each.slices) == same]
        return next((each for each in found if each.seconds is not None), None)

    def floor_seconds(self, device: str, slices: int) -> float | None:
        """Transfer and arithmetic for an int16 scan and uint8 labels; None for a device without a measured floor."""
        floor = self.machine["floors"].get(device)
        voxels = slices * self.in_plane**2
        return Floor(**floor).seconds(2 * voxels, voxels) if floor else None

    @property
    def base_slices(self) -> int:
        """The number of slices that single figures are told for: 160, or the one closest to it."""
        return min({row.slices for row in self.rows}, key=lambda slices: abs(slices - BASE_SLICES), default=BASE_SLICES)


def row_of(job: Job, slices: int, watched: Watched, account: Account, context: Sequence[float] = ()) -> Row:
    """The row of a job that ended. ``context``: levels of the GPU sampled around a bare CUDA context."""
    row = Row(
        job.kind,
        job.method,
        job.device,
        slices,
        others=watched.others,
        dtype=account.dtype,
        passes=account.passes,
        passes_run=account.passes_run,
        pass_seconds=account.pass_seconds,
        pass_cpu_seconds=account.pass_cpu_seconds,
    )
    if account.problem:
        return replace(row, problem=account.problem)
    return _cold(row, watched, account, context) if job.kind == FLARE21 else _warm(row, account)


def _cold(row: Row, watched: Watched, account: Account, context: Sequence[float]) -> Row:
    stages = {
        "start": account.entered - watched.started,
        **_whole_network(account),
        "exit": watched.ended - account.ended,
    }
    levels = watched.gpu_mib
    on_gpu = row.device == "cuda" and bool(levels)
    reported = account.reported_gpu_mb
    return replace(
        row,
        seconds=watched.seconds + account.missing_seconds,
        stages=in_order(stages),
        cpu_seconds=watched.cpu_seconds + account.missing_cpu_seconds,
        inner_cpu_seconds=sum(account.cpu_seconds) + account.missing_cpu_seconds,
        ram_mb=watched.ram_mb,
        ram_above_mb=watched.ram_mb - account.given_mb if account.given_mb else None,
        gpu_mib=peak_of(levels) if on_gpu else None,
        gpu_highest_mib=max(levels) if on_gpu else None,
        gpu_area=area_under(levels) if on_gpu else None,
        gpu_above_context_mib=peak_of(levels) - peak_of(context) if on_gpu and context else None,
        reported_ram_mb=account.reported_ram_mb,
        reported_gpu_mib=None if reported is None else reported / MIB,
    )


def _warm(row: Row, account: Account) -> Row:
    return replace(
        row,
        seconds=statistics.median(account.seconds) + account.missing_seconds,
        runs=len(account.seconds),
        event_seconds=account.event_seconds,
        cpu_seconds=statistics.median(account.cpu_seconds) + account.missing_cpu_seconds,
        stages=in_order(_whole_network(account)),
        ram_mb=account.ram_mb,
        ram_above_mb=(account.ram_mb or 0.0) - account.given_mb,
        gpu_allocated_mib=account.gpu_allocated_mib,
    )


def in_order(stages: dict[str, float]) -> dict[str, float]:
    """Stages in the order in which they happen; unknown ones last."""
    known = list(STAGES)
    return dict(sorted(stages.items(), key=lambda item: known.index(item[0]) if item[0] in known else len(known)))


def _whole_network(account: Account) -> dict[str, float]:
    stages = dict(account.stages)
    if account.missing_seconds:
        stages["network"] = stages.get("network", 0.0) + account.missing_seconds
    return stages


def warm_of(cold: Row) -> Row:
    """A sampled method's warm row: so long a run happens once only, in whichever process, and was seen already."""
    inner = {name: seconds for name, seconds in cold.stages.items() if name not in OUTER_STAGES}
    seconds = sum(inner.values())
    return replace(cold, protocol=WARM, seconds=seconds, cpu_seconds=cold.inner_cpu_seconds, stages=inner)


def mirrored(row: Row, method: str) -> Row:
    """From a sampled run without mirroring: nnU-Net's mirroring runs every patch in all eight reflections."""
    more = (REFLECTIONS - 1) * row.passes
    seconds, cpu_seconds = more * row.pass_seconds, more * row.pass_cpu_seconds
    return replace(
        row,
        method=method,
        seconds=(row.seconds or 0.0) + seconds,
        cpu_seconds=(row.cpu_seconds or 0.0) + cpu_seconds,
        inner_cpu_seconds=row.inner_cpu_seconds + cpu_seconds,
        stages={**row.stages, "network": row.stages["network"] + seconds},
        passes=REFLECTIONS * row.passes,
    )
