"""The learning rate at each step."""

from __future__ import annotations

import math

from flareseg.training.config import ScheduleConfig

FLOOR = 0.01  # where the cosine ends, as a share of the highest rate


def rate_factor(config: ScheduleConfig, step: int, steps_per_epoch: int, epochs: int) -> float:
    """What the highest learning rate is multiplied with at a step (from 0)."""
    warm = min(1.0, (step + 1) / config.warm_up_steps) if config.warm_up_steps else 1.0
    if config.name == "poly":
        return warm * (1 - (step // steps_per_epoch) / epochs) ** config.power
    done = step / (steps_per_epoch * epochs)
    return warm * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * done)))
