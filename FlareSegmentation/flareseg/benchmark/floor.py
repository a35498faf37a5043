"""The least time a scan can take on a device: its voxels there, the labels back, and the networks' arithmetic."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """Measured: ``upload`` and ``download`` from and to pinned memory (GB/s; None on a CPU, where nothing moves) and
    ``tflops`` of a large matrix product in ``dtype``. Counted: ``gflop`` of both networks, two per multiply-add."""

    gflop: float
    tflops: float
    dtype: str
    upload: float | None = None
    download: float | None = None

    @property
    def arithmetic_seconds(self) -> float:
        return self.gflop / 1000 / self.tflops

    def transfer_seconds(self, scan_bytes: int, label_bytes: int) -> float:
        if self.upload is None or self.download is None:
            return 0.0
        return scan_bytes / 1e9 / self.upload + label_bytes / 1e9 / self.download

    def seconds(self, scan_bytes: int, label_bytes: int) -> float:
        """One after the other: the scan up, the networks, the labels down."""
        return self.transfer_seconds(scan_bytes, label_bytes) + self.arithmetic_seconds
