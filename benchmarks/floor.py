"""The lower bound of the time that a scan takes on a device."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """The voxels brought to a device, the labels brought back, and the arithmetic of the networks.

    Attributes:
        gflop: Operations of both networks, two for each multiply-add.
        tflops: Measured speed of a large matrix product in ``dtype``.
        upload: Measured speed from pinned memory in GB/s; None on a CPU, where nothing moves.
        download: The same, back.
    """

    gflop: float
    tflops: float
    dtype: str
    upload: float | None = None
    download: float | None = None

    @property
    def arithmetic_seconds(self) -> float:
        return self.gflop / 1000 / self.tflops

    def transfer_seconds(self, voxels: int) -> float:
        """For an int16 scan and its uint8 labels."""
        if self.upload is None or self.download is None:
            return 0.0
        return voxels * (2 / self.upload + 1 / self.download) / 1e9

    def seconds(self, voxels: int) -> float:
        """One after the other: the scan up, the networks, the labels down."""
        return self.transfer_seconds(voxels) + self.arithmetic_seconds
