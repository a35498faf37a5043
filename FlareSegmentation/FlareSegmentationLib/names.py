"""Names of organs and stages in the panel's language; the engine and its files keep the English names."""

from __future__ import annotations

from flareseg.core.report import STAGES
from slicer.i18n import tr as _


def organName(name: str) -> str:
    """``name``: that of an organ of flareseg.core.organs."""
    return {
        "Liver": _("Liver"),
        "Kidneys": _("Kidneys"),
        "Right kidney": _("Right kidney"),
        "Left kidney": _("Left kidney"),
        "Spleen": _("Spleen"),
        "Pancreas": _("Pancreas"),
    }[name]


def stageName(stage: str) -> str:
    """``stage``: a key of flareseg.core.report.STAGES; a stage that this version does not know names itself."""
    names = {
        "load": _("Load networks"),
        "read": _("Read scan"),
        "find_abdomen": _("Find abdomen"),
        "crop": _("Crop"),
        "segment": _("Segment organs"),
        "put_back": _("Put back"),
        "clean_up": _("Clean up"),
        "write": _("Write"),
    }
    return names.get(stage) or STAGES.get(stage, stage)
