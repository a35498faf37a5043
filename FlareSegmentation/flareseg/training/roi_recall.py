"""What the ROI of the first network holds of the organs, and how often it finds one in a scan without any."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from flareseg.core.geometry import Geometry
from flareseg.inference.low_scans import shown_of
from flareseg.inference.roi import box_of_foreground
from flareseg.training.batches import TrainingBatch


class RoiMeter:
    """Collects, over samples whose voxel size is known, what the box of the cascade makes of a network's foreground."""

    def __init__(self) -> None:
        self._inside_ml: list[float] = []
        self._all_ml: list[float] = []
        self._found_in_nothing: list[bool] = []

    def add(self, logits: Tensor, batch: TrainingBatch) -> None:
        """``logits`` (batch, 2, k, j, i) of the batch's images."""
        found = (logits[:, 1] > logits[:, 0]).cpu().numpy()
        for foreground, labels, voxel, shown in zip(found, batch.labels[:, 0].cpu().numpy(), batch.voxels, batch.shown):
            if voxel is not None:
                inside = shown_of(shown or len(labels), len(labels))
                scan = foreground[inside]
                self._add(scan, labels[inside] > 0, Geometry.canonical(scan.shape, voxel))

    def _add(self, foreground: np.ndarray, organs: np.ndarray, geometry: Geometry) -> None:
        box = box_of_foreground(foreground, geometry)
        if not organs.any():
            self._found_in_nothing.append(box is not None)
            return
        self._all_ml.append(organs.sum() * geometry.voxel_ml)
        self._inside_ml.append(organs[box.slices].sum() * geometry.voxel_ml if box else 0.0)

    def figures(self) -> dict[str, float]:
        """Shares 0..1: ``roi recall`` of the organs' volume in all samples, ``roi worst`` of the sample with the least
        of it, and ``roi in nothing`` of the samples without an organ; each where there are such samples."""
        figures = {}
        if self._all_ml:
            figures["roi recall"] = float(sum(self._inside_ml) / sum(self._all_ml))
            figures["roi worst"] = float(min(part / whole for part, whole in zip(self._inside_ml, self._all_ml)))
        if self._found_in_nothing:
            figures["roi in nothing"] = float(np.mean(self._found_in_nothing))
        return figures
