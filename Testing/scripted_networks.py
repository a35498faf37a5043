"""Networks whose answer is known, in place of the trained ones; the rest of the cascade is real."""

from __future__ import annotations

import numpy as np
import torch
from flareseg.core.geometry import Geometry
from flareseg.core.report import WeightsFacts
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.precision import Precision
from flareseg.inference.weights import TrainedNetwork
from torch import Tensor, nn

UP_BACK_LEFT = ((0, 0, 1), (0, 1, 0), (1, 0, 0))
AIR, MUSCLE, BRIGHT = -1000, 40, 280


class Brightest(nn.Module):
    """Gives a class to all that is brighter than 225 HU, and background to the rest."""

    def __init__(self, label: int, classes: int) -> None:
        super().__init__()
        self.label, self.classes = label, classes

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.zeros(1, self.classes, *x.shape[2:])
        logits[:, self.label] = 100 * (x[:, 0].float() - 0.7)
        return logits


class Everywhere(nn.Module):
    """Takes all it is shown for an abdomen."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.zeros_like(x[:, 0]), torch.ones_like(x[:, 0])], dim=1).float()


def cascade_of(abdomen: nn.Module, organs: nn.Module) -> Cascade:
    """A cascade of these networks on the CPU, on the grids (k, j, i) of the trained ones."""
    networks = [
        TrainedNetwork(abdomen, (96, 96, 96), WeightsFacts("abdomen", "")),
        TrainedNetwork(organs, (96, 128, 192), WeightsFacts("organs", "")),
    ]
    engine = Engine.of(select_device("cpu"), Precision(torch.float32), *networks)
    return Cascade(engine, [trained.facts for trained in networks])


def kidney_finder() -> Cascade:
    """A cascade that calls everything bright a kidney."""
    return cascade_of(Everywhere(), Brightest(label=2, classes=5))


def scan(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Volume:
    """Nothing but air."""
    return Volume(np.full(shape, AIR, np.int16), Geometry(shape, spacing, UP_BACK_LEFT, (0.0, 0.0, 0.0)))
