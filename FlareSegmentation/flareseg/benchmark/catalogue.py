"""What is compared: the methods, the protocols, and the names of the stages."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass

from flareseg.core.errors import JobError
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
    "postprocess": "Scores to labels",
    **{key: name for key, name in OUR_STAGES.items() if key not in ("load", "read", "write")},
    "write": "Write .nii.gz",
    "exit": "End of process",
}

OUTER_STAGES = ("start", "load", "read", "write", "exit")  # around the way from array to labels


@dataclass(frozen=True)
class Method:
    """One competitor. ``needs``: the package that must be installed; ``weight``: its expected cost, ours being 1."""

    key: str
    title: str
    about: str
    weight: float
    needs: str = ""

    @property
    def missing(self) -> str:
        """What to install before it can run; empty when it can."""
        if not self.needs or importlib.util.find_spec(self.needs):
            return ""
        return f'{self.needs} is not installed: pip install "flareseg[bench]"'


OURS = Method("ours", "FlareSegmentation", "this engine with its shipped weights, no patches", 1)
PLAIN = Method("plain", "Plain 3D U-Net", "the whole scan, not cropped, as fine as our organs' grid; random weights", 4)
TOTAL = Method(
    "totalseg",
    "TotalSegmentator fast",
    "its 3 mm network, 118 classes, by nnU-Net's predictor, step 0.8; random weights",
    20,
    needs="nnunetv2",
)
NNUNET = Method(
    "nnunet", "nnU-Net", "FLARE21's baseline by nnU-Net's predictor, step 0.5; random weights", 60, needs="nnunetv2"
)
MIRRORED = Method("nnunet-mirror", "nnU-Net, mirrored", "the same with its default mirroring", 300, needs="nnunetv2")
METHODS = {method.key: method for method in (OURS, PLAIN, TOTAL, NNUNET, MIRRORED)}


def chosen(text: str, among: dict[str, Method] | dict[str, str], what: str) -> list[str]:
    """The keys in a comma-separated list; "all" for every one. Raises JobError for an unknown one."""
    keys = list(among) if text == "all" else [key.strip() for key in text.split(",")]
    for key in keys:
        if key not in among:
            raise JobError(f'There is no {what} "{key}".', f"Choose from {', '.join(among)}, or all.")
    return keys
