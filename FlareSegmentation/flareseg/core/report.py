"""The report of one run: the dataclass Report and its JSON, with the schema in docs/report.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from flareseg.core.json_fields import from_json

SCHEMA_VERSION: Final = 2

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
    """Duration of one stage of a run."""

    name: str
    """Key of the stage: load, read, find_abdomen, crop, segment, put_back, clean_up or write."""
    seconds: float
    """Wall-clock time in s."""


@dataclass
class ScanFacts:
    """The scan as read."""

    name: str
    """Name that the caller gave, without folders."""
    shape: list[int]
    """Number of voxels along the array axes (k, j, i): slices, rows, columns."""
    spacing: list[float]
    """Voxel size along (k, j, i) in mm."""
    orientation: str
    """Directions in which the axes (i, j, k) run, such as LPS: to the left, posterior, superior."""


@dataclass
class DeviceFacts:
    """Device that the networks ran on."""

    kind: str
    """PyTorch device type: cpu or cuda."""
    name: str
    """Name of the processor or GPU."""
    dtype: str
    """Number format of the networks: float32, float16 or bfloat16."""


@dataclass
class WeightsFacts:
    """File of network weights."""

    name: str
    """File name."""
    sha256: str
    """SHA-256 of the file in hexadecimal digits."""


@dataclass
class MemoryFacts:
    """Peak memory of the run in MB (1e6 bytes)."""

    peak_ram_mb: float
    """Resident memory of the process in MB."""
    peak_gpu_allocated_mb: float | None = None
    """GPU memory of the tensors of this process in MB; null without a GPU."""
    peak_gpu_device_mb: float | None = None
    """GPU memory in use in MB, other programs and the CUDA context included, sampled by NVML; null without a GPU."""


@dataclass
class UncertainPlace:
    """A run of slices where the border of an organ is least certain."""

    first: int
    """Index of the first slice, along the axis of the scan that runs most nearly head to foot."""
    last: int
    """Index of the last slice, along the same axis."""
    ras: list[float]
    """Point in the middle of the place: RAS coordinates in mm."""


@dataclass
class OrganFacts:
    """One organ."""

    label: int
    """Value in the label map."""
    name: str
    """Name of the organ."""
    voxels: int
    """Number of voxels; 0 for an organ that was not found."""
    volume_ml: float
    """Volume in mL."""
    warnings: list[str] = field(default_factory=list)
    """What to check, as messages."""
    mean_hu: float | None = None
    """Mean over the voxels in HU; null for an organ that was not found."""
    std_hu: float | None = None
    """Standard deviation over the voxels in HU; null for an organ that was not found."""
    confidence: float | None = None
    """Dice to be expected of the organ, 0 to 1, calibrated as the weights say; null for an organ that was not found."""
    uncertain: list[UncertainPlace] = field(default_factory=list)
    """Places to check, the most uncertain first."""
    removed_ml: float = 0.0
    """Volume in mL that the HU gate took out of the organ as air, fat, bone or metal."""
    dice: float | None = None
    """Dice with the ground truth, 0 to 1; null where none was given."""


@dataclass
class Report:
    """Result of one segmentation run: what was done, how long it took, and the memory it needed."""

    version: str
    """Version of flareseg."""
    scan: ScanFacts
    device: DeviceFacts
    weights: list[WeightsFacts]
    """Files of the networks in the order in which they run."""
    roi: list[float]
    """Box that was segmented: RAS bounds (r0, r1, a0, a1, s0, s1) in mm."""
    roi_source: Literal["network", "caller", "scan"]
    """Origin of the box: found by the ROI network, given by the caller, or the whole scan in one pass."""
    stages: list[StageTime]
    """Stages in the order in which they ran."""
    total_seconds: float
    """Wall-clock time of the run in s."""
    memory: MemoryFacts
    organs: list[OrganFacts]
    """Organs in the order in which they are shown: the left kidney, if it has a label of its own, behind the right."""
    borders: Literal["plain", "guided"] = "plain"
    """How the borders of liver, kidneys and spleen were put on the scan's grid: interpolated, or guided by the CT."""
    hu_gate: bool = False
    """Whether voxels of air, fat, bone and metal were removed from the organs."""
    warnings: list[str] = field(default_factory=list)
    """Warnings about the scan and the run as a whole, as messages."""
    schema_version: Literal[2] = SCHEMA_VERSION
    """Version of this schema."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON-compatible dictionaries and lists."""
        return asdict(self)

    def dumps(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(self.to_json(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, data: Any) -> Report:
        """Inverse of to_json.

        Args:
            data: What ``json.loads`` gives for a report.

        Returns:
            The report.

        Raises:
            ValueError: Another schema version, or a field is unknown, missing or of another type.
        """
        version = data.get("schema_version") if isinstance(data, dict) else None
        if version != SCHEMA_VERSION:
            raise ValueError(f"report schema {version!r}, expected {SCHEMA_VERSION}")
        return from_json(cls, data)
