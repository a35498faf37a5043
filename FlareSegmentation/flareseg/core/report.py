"""What one run measured: one dataclass, one JSON schema."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

SCHEMA_VERSION = 1

STAGES = {
    "load": "Load networks",
    "read": "Read scan",
    "find_abdomen": "Find abdomen",
    "crop": "Crop",
    "segment": "Segment organs",
    "put_back": "Put back",
    "clean_up": "Clean up",
    "write": "Write",
}


@dataclass
class StageTime:
    """Wall-clock seconds of one stage; ``name`` is a key of STAGES."""

    name: str
    seconds: float


@dataclass
class ScanFacts:
    """The scan as read. ``shape`` in voxels and ``spacing`` in mm are in (k, j, i) order."""

    name: str
    shape: list[int]
    spacing: list[float]
    orientation: str


@dataclass
class DeviceFacts:
    """Where the networks ran: ``kind`` is "cpu" or "cuda", ``dtype`` the networks' number format."""

    kind: str
    name: str
    dtype: str


@dataclass
class WeightsFacts:
    """Which weights ran: file name and sha256 of the file."""

    name: str
    sha256: str


@dataclass
class MemoryFacts:
    """Peaks of the run in MB (1e6 bytes).

    ``peak_ram_mb``: resident memory of the process. ``peak_gpu_allocated_mb``: the tensors of this
    process. ``peak_gpu_device_mb``: the whole device, other programs and the CUDA context included,
    sampled through NVML. The GPU figures are None when no GPU was used.
    """

    peak_ram_mb: float
    peak_gpu_allocated_mb: float | None = None
    peak_gpu_device_mb: float | None = None


@dataclass
class UncertainPlace:
    """A run of slices where an organ's border is least sure.

    ``first`` and ``last``: indices along the scan's own axis that runs most nearly head to foot.
    ``ras``: a point in mm in the middle of the uncertainty, for slice views to go to.
    """

    first: int
    last: int
    ras: list[float]


@dataclass
class OrganFacts:
    """One organ found: volume in mL, and what deserves a look (plain messages).

    ``confidence``: 0..1, the Dice that the class probabilities themselves expect; None for an organ
    that was not found. ``mean_hu`` and ``std_hu``: over its voxels, None likewise.
    """

    label: int
    name: str
    voxels: int
    volume_ml: float
    warnings: list[str] = field(default_factory=list)
    mean_hu: float | None = None
    std_hu: float | None = None
    confidence: float | None = None
    uncertain: list[UncertainPlace] = field(default_factory=list)
    dice: float | None = None


@dataclass
class Report:
    """What one run did and cost.

    ``roi`` is the box that was segmented, as RAS bounds in mm (r0, r1, a0, a1, s0, s1);
    ``roi_source`` is "network" or "caller". ``warnings`` are about the scan and the run as a whole.
    """

    version: str
    scan: ScanFacts
    device: DeviceFacts
    weights: list[WeightsFacts]
    roi: list[float]
    roi_source: str
    stages: list[StageTime]
    total_seconds: float
    memory: MemoryFacts
    organs: list[OrganFacts]
    warnings: list[str] = field(default_factory=list)
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    def dumps(self) -> str:
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Report:
        """Inverse of to_json. Raises ValueError for another schema version."""
        if data.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"report schema {data.get('schema_version')!r}, expected {SCHEMA_VERSION}")
        return cls(
            version=data["version"],
            scan=ScanFacts(**data["scan"]),
            device=DeviceFacts(**data["device"]),
            weights=[WeightsFacts(**w) for w in data["weights"]],
            roi=list(data["roi"]),
            roi_source=data["roi_source"],
            stages=[StageTime(**s) for s in data["stages"]],
            total_seconds=data["total_seconds"],
            memory=MemoryFacts(**data["memory"]),
            organs=[_organ(o) for o in data["organs"]],
            warnings=list(data["warnings"]),
        )


def _organ(data: dict[str, Any]) -> OrganFacts:
    return OrganFacts(**{**data, "uncertain": [UncertainPlace(**place) for place in data["uncertain"]]})
