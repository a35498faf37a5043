"""Names of organs, stages and states in the language of the panel; the engine and its files keep the English ones."""

from __future__ import annotations

from flareseg.core.report import STAGES
from flareseg.io.batch import State
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


def stateName(state: State) -> str:
    """What became of a scan in a queue."""
    return {
        State.WAITING: _("waiting"),
        State.RUNNING: _("running"),
        State.DONE: _("done"),
        State.SKIPPED: _("skipped"),
        State.NOTHING_FOUND: _("nothing found"),
        State.FAILED: _("failed"),
        State.CANCELLED: _("cancelled"),
    }[state]
