"""Names of organs, stages and failures in the panel's language; the engine and its files keep the English names."""

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


def N_(text: str) -> str:
    """Mark a text for the template of translations; it is translated when it is shown (a convention of gettext)."""
    return text


_FAILURES = {
    "bad_scan": N_("The scan cannot be segmented"),
    "bad_roi": N_("The region cannot be used"),
    "bad_job": N_("An option is not valid"),
    "bad_data": N_("The data are not consistent"),
    "bad_config": N_("A setting is not valid"),
    "no_abdomen": N_("No organ was found"),
    "no_gpu": N_("The GPU cannot be used"),
    "gpu_memory": N_("The GPU memory is exhausted"),
    "memory": N_("The main memory is exhausted"),
    "weights": N_("The weights cannot be used"),
    "write": N_("The result cannot be written"),
    "cancelled": N_("The run was stopped"),
    "worker": N_("The background process failed"),
    "packages": N_("Python packages are missing"),
    "internal": N_("An unexpected failure"),
}


def failureName(kind: str) -> str:
    """What kind of failure it was, where Slicer has a translation of it; empty where it has none.

    The messages of the engine are in English. A user of Slicer in another language gets the kind in that
    language in front of the message; in English the message alone says more.

    Args:
        kind: A key of ``flareseg.core.errors.ERRORS``.
    """
    english = _FAILURES.get(kind, "")
    name = str(_(english)) if english else ""
    return "" if name == english else name
