"""Networks whose answer is known, in place of the trained ones; the rest of the cascade is real."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade
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


def cascade_of(cascade: Cascade, abdomen: nn.Module, organs: nn.Module) -> Cascade:
    engine = cascade._engine
    abdomen, organs = replace(engine.abdomen, network=abdomen), replace(engine.organs, network=organs)
    return Cascade(replace(engine, abdomen=abdomen, organs=organs), cascade.weights)


def kidney_finder(cascade: Cascade) -> Cascade:
    """A cascade that calls everything bright a kidney."""
    return cascade_of(cascade, Everywhere(), Brightest(label=2, classes=5))


def scan(shape: tuple[int, int, int], spacing: tuple[float, float, float] = (3.0, 3.0, 3.0)) -> Volume:
    """Nothing but air."""
    return Volume(np.full(shape, AIR, np.int16), Geometry(shape, spacing, UP_BACK_LEFT, (0.0, 0.0, 0.0)))
