"""The names of the data set layouts, without the packages that reading them needs."""

from __future__ import annotations

from enum import Enum


class Layout(str, Enum):
    AUTO = "auto"
    FLARE = "flare"
    NNUNET = "nnunet"
    TOTALSEGMENTATOR = "totalsegmentator"
    MAPPED = "mapped"
    ARRAYS = "arrays"
    PHANTOM = "phantom"
