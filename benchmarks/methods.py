"""The catalogue of methods, protocols and stages."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from flareseg.core.report import STAGES as OUR_STAGES

FLARE21, WARM = "flare21", "warm"
PROTOCOLS = {
    FLARE21: "FLARE21 protocol: a fresh process, .nii.gz to .nii.gz",
    WARM: "Warm: array to labels in a loaded process",
}
STAGES = {
    "start": "Python start",
    "load": "Imports, networks loaded",
    "read": "Read .nii.gz",
    "preprocess": "Scan to the network's grid",
    "network": "Network",
    "postprocess": "Logits to labels",
    **{key: name for key, name in OUR_STAGES.items() if key not in ("load", "read", "write")},
    "write": "Write .nii.gz",
    "exit": "End of process",
}
"""Names of the stages, in the order in which they happen."""


@dataclass(frozen=True)
class BenchmarkMethod:
    """One method.

    Attributes:
        title: Its name in tables and plots.
        about: What runs, for people.
        cost: Expected seconds relative to ours; the cheapest method is measured first.
        needs: The package that must be installed.
    """

    title: str
    about: str
    cost: float
    needs: str = ""

    @property
    def missing(self) -> str:
        """What to install before it can run; empty when it can."""
        if not self.needs or importlib.util.find_spec(self.needs):
            return ""
        return f"{self.needs} is not installed: pip install '.[bench]'"


OURS, NNUNET = "ours", "nnunet"
TOTAL_FAST, TOTAL_FASTEST = "totalseg-fast", "totalseg-fastest"
METHODS = {
    OURS: BenchmarkMethod("FlareSegmentation", "this engine with its shipped weights", 1),
    "plain": BenchmarkMethod(
        "Plain 3D U-Net", "the whole scan on a grid as fine as our organ network's; random weights", 4
    ),
    TOTAL_FASTEST: BenchmarkMethod(
        "TotalSegmentator --fastest",
        "its 6 mm network, 118 classes, by nnU-Net's predictor with step 0.8; random weights",
        6,
        needs="nnunetv2",
    ),
    TOTAL_FAST: BenchmarkMethod(
        "TotalSegmentator --fast",
        "its 3 mm network, 118 classes, by nnU-Net's predictor with step 0.8; random weights",
        20,
        needs="nnunetv2",
    ),
    NNUNET: BenchmarkMethod(
        "nnU-Net",
        "FLARE21's baseline by nnU-Net's predictor with step 0.5, not mirrored; random weights",
        60,
        needs="nnunetv2",
    ),
}
