"""One measurement: a method on a scan, by a protocol, on a device."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """What was measured; None stands for what was not.

    Attributes:
        seconds: Wall clock: of the whole process (FLARE21), or the median of ``runs`` from array to labels (WARM).
        stages: Seconds by stage, a key of STAGES.
        cpu_seconds: Processor time, of the same as ``seconds``.
        ram_mb: Peak resident memory of the process (1e6 bytes); for FLARE21 sampled from outside.
        ram_above_mb: The same without the scan and the labels.
        gpu_allocated_mib: Peak of PyTorch's allocator.
        gpu_mib: Peak of the whole GPU as FLARE21 counts it; ``gpu_highest_mib`` is the highest sample.
        gpu_area: Sum of the samples in MiB·s.
        gpu_above_context_mib: ``gpu_mib`` less that of a bare CUDA context.
        reported_ram_mb: Peak RAM in the engine's own report, against ``ram_mb``.
        reported_gpu_mib: Peak GPU memory there, against ``gpu_highest_mib``.
        others: Share of the processor (0..1) that other programs had meanwhile.
        dtype: Number format of the networks.
        passes: Passes of a peer's network, of which ``passes_run`` were run.
        problem: Why there are no figures.
    """

    protocol: str
    method: str
    device: str
    slices: int
    seconds: float | None = None
    runs: int = 1
    stages: dict[str, float] = field(default_factory=dict)
    cpu_seconds: float | None = None
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
    problem: str = ""

    @property
    def extrapolated(self) -> bool:
        """Whether some network passes were not run, and their time is an estimate."""
        return self.passes_run < self.passes
