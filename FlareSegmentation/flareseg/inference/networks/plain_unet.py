"""The plain 3D U-Net that the memory-efficient networks are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from flareseg.inference.networks.roi_unet import RoiUNet

WIDTHS = (16, 32, 64, 128, 256)


class PlainUNet(RoiUNet):
    """RoiUNet with twice its widths: 5,646,453 parameters with five classes; its finest level is the input's grid."""

    def __init__(self, classes: int = 5, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__(classes, widths)
