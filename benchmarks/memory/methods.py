"""What is compared: networks, the grids that they take, and the savings that are switched on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flareseg.inference.resample import Size
from flareseg.training.config import StageConfig, read_config
from flareseg.training.sample import Stage

FULL: Size = (160, 512, 512)
CROP: Size = (96, 128, 192)
PLAIN, CASCADE, OURS = "plain", "cascade", "full-size"
EXACT = {"checkpoint": True, "in_place": True, "loss_slab": 8}
"""The savings of the preset full-size; they change no gradient."""


@dataclass(frozen=True)
class MemoryMethod:
    """One row of the table.

    Attributes:
        title: What it is called.
        network: Name of the network.
        grid: Its input (k, j, i) for a scan of 160 slices of 512x512 voxels.
        memory: The savings, as `memory` of a config has them.
        options: Options of the network.
        weights: Which weights it is scored with: PLAIN, CASCADE, OURS, or none.
    """

    title: str
    network: str
    grid: Size = FULL
    memory: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    weights: str = ""

    def settings(self, grid: Size | None = None) -> StageConfig:
        """The config of a step of one sample: loss and optimiser of the preset full-size."""
        stage = read_config("full-size").stages[Stage.FULL_SIZE].model_dump()
        network = {"name": self.network, "options": self.options}
        changes = {"network": network, "grid": grid or self.grid, "factor": None, "memory": self.memory}
        return StageConfig.model_validate({**stage, **changes})


_FCN = "MemoryEfficientFCN"
METHODS = (
    MemoryMethod("Plain 3D U-Net", "PlainUNet", weights=PLAIN),
    MemoryMethod("DenseVNet on the crop", "DenseVNet", CROP, weights=CASCADE),
    MemoryMethod("DenseVNet", "DenseVNet"),
    MemoryMethod("DenseVNet, checkpoints", "DenseVNet", memory={"checkpoint": True}),
    MemoryMethod("FCN without savings", _FCN),
    MemoryMethod("FCN, factorised convolutions", _FCN, options={"convolution": "factorised"}),
    MemoryMethod("FCN, separable convolutions", _FCN, options={"convolution": "separable"}),
    MemoryMethod("FCN, no dilation", _FCN, options={"dilations": [1]}),
    MemoryMethod("FCN, checkpoints", _FCN, memory={"checkpoint": True}),
    MemoryMethod("FCN, norms in place", _FCN, memory={"in_place": True}),
    MemoryMethod("FCN, loss by slabs", _FCN, memory={"loss_slab": 8}),
    MemoryMethod("FCN, kept in bfloat16", _FCN, memory={"saved": "bfloat16"}),
    MemoryMethod("FCN, kept in main memory", _FCN, memory={"saved": "cpu"}),
    MemoryMethod("FCN, all that are exact (full-size)", _FCN, memory=EXACT, weights=OURS),
    MemoryMethod("FCN, all, on the scan's own grid", _FCN, memory=EXACT, options={"stride": [1, 1, 1]}),
    MemoryMethod("FCN, all", _FCN, memory={**EXACT, "saved": "bfloat16"}),
)
BASELINE = METHODS[0]
