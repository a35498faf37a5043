"""A plain 3D U-Net over the whole scan, without cropping to the abdomen."""

from __future__ import annotations

import numpy as np
import torch
from flareseg.core.geometry import Orientation
from flareseg.core.measure import StageClock
from flareseg.core.organs import CLASSES
from flareseg.core.volume import Volume
from flareseg.inference.device import select_device
from flareseg.inference.engine import normalised
from flareseg.inference.networks.plain_unet import PlainUNet
from flareseg.inference.precision import select_precision
from flareseg.inference.resample import Box, logits_to_labels, resample_to_grid

from benchmarks.subject import Subject

# The cascade brings a box of typically 144x340x450 of 160x512x512 voxels to 96x128x192; the whole scan in voxels of
# that size has 107x193x218, here rounded to what five levels can halve.
GRID = (112, 192, 224)


class WholeScanUNet(Subject):
    """Two convolutions a level, five levels, random weights; resampled by the engine's own slabs."""

    def __init__(self, device: str) -> None:
        self._device = select_device(device)
        network = PlainUNet(CLASSES).eval().requires_grad_(False)
        self._precision = select_precision(self._device)
        self._network = self._precision.network(network, self._device.torch_device)
        self.dtype = self._precision.name

    def segment(self, image: Volume, clock: StageClock) -> np.ndarray:
        clock.synchronise = self._device.synchronise
        orientation = Orientation.of(image.geometry)
        voxels = orientation.view(image.voxels)
        labels = np.zeros(image.voxels.shape, np.uint8)
        with torch.inference_mode():
            with clock.stage("preprocess"):
                grid = resample_to_grid(
                    voxels, Box.whole(orientation.geometry(image.geometry).shape), GRID, self._device.torch_device
                )
            with clock.stage("network"):
                logits = self._network(self._precision.tensor(normalised(grid)[None, None]))[0]
            with clock.stage("postprocess"):
                logits_to_labels(logits, orientation.view(labels))
        return labels
