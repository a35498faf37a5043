"""The parameters of the hollow organs: their contents, and how their lumen is drawn."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

from pydantic import Field

from flareseg.training.settings import Amount, Length, Positive, Probability, Range, Settings, TissueName, Weight


class Content(str, Enum):
    """What hollow organs hold."""

    COLLAPSED = "collapsed"
    FLUID = "fluid"
    CONTRAST = "contrast"
    GAS = "gas"
    STOOL = "stool"
    FOOD = "food"


class HollowOrgan(Settings):
    """``tissues``: their names. ``feature_mm``: size of what varies within. ``loops``: the wall folds into the inside.
    ``gas``: how likely gas gathers in front."""

    tissues: Annotated[tuple[TissueName, ...], Field(min_length=1)]
    feature_mm: Length
    contents: Annotated[dict[Content, Positive], Field(min_length=1)]
    loops: bool = False
    gas: Probability = 0.3


class GutConfig(Settings):
    """``wall_mm``: the box in which the share of gut is taken; above ``wall_share`` lies the inside. ``fold``: folds of
    loops, in SD of their field. ``gas_threshold``: mean and SD; ``rise``: how much gas prefers the front."""

    organs: tuple[HollowOrgan, ...] = (
        HollowOrgan(
            tissues=("small_bowel", "duodenum"),
            feature_mm=(18.0, 34.0),
            contents={Content.COLLAPSED: 0.5, Content.FLUID: 0.35, Content.CONTRAST: 0.25, Content.GAS: 0.08},
            loops=True,
        ),
        HollowOrgan(
            tissues=("colon",),
            feature_mm=(25.0, 60.0),
            contents={
                Content.STOOL: 0.5,
                Content.GAS: 0.45,
                Content.FLUID: 0.2,
                Content.CONTRAST: 0.15,
                Content.COLLAPSED: 0.2,
            },
            gas=1.0,
        ),
        HollowOrgan(
            tissues=("stomach",),
            feature_mm=(60.0, 140.0),
            contents={Content.FLUID: 0.5, Content.FOOD: 0.4, Content.CONTRAST: 0.25, Content.COLLAPSED: 0.2},
            gas=1.0,
        ),
        HollowOrgan(
            tissues=("oesophagus",),
            feature_mm=(40.0, 40.0),
            contents={Content.COLLAPSED: 0.8, Content.GAS: 0.1},
        ),
    )
    wall_mm: Positive = 6.0
    wall_share: Range = (0.75, 0.97)
    fold: Amount = (0.05, 0.45)
    mixture_sd: Weight = 0.8
    gas_threshold: tuple[float, Weight] = (1.4, 0.7)
    rise: Amount = (0.0, 5.0)
