"""The terms of the weights, accepted once before the first run from the panel; scripts are not asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import slicer
from slicer.i18n import tr as _

from .. import settings

MANIFEST = Path(__file__).resolve().parents[2] / "Resources" / "Models" / "manifest.json"
_RESTRICTED = "research use"  # in the terms of weights that are not free for every use


class Consent:
    """Asks for the terms of the weights, and remembers in Slicer's settings that they were accepted.

    Args:
        ask: Shows a text with the buttons OK and Cancel, and tells whether it was OK.
        manifest: The list of the weights, which states their terms.
    """

    def __init__(self, ask: Callable[[str], bool] | None = None, manifest: Path = MANIFEST) -> None:
        self._ask = ask or _askInMessageBox
        self._manifest = manifest

    def isGiven(self) -> bool:
        """Whether a run may start; asks the user unless these terms were accepted before."""
        terms = json.loads(self._manifest.read_text(encoding="utf-8"))["licence"]
        if _RESTRICTED not in terms.lower() or terms == settings.acceptedTerms():
            return True
        if not self._ask(_textOf(terms)):
            return False
        settings.setAcceptedTerms(terms)
        return True


def _textOf(terms: str) -> str:
    return "\n\n".join(
        [
            _("Terms of the weights that segment the organs:"),
            terms,
            _("This is not a medical device: do not use the result for diagnosis or treatment."),
            _("Do you accept this? You are asked once."),
        ]
    )


def _askInMessageBox(text: str) -> bool:
    """In testing mode Slicer shows no message box, and answers for the user with False."""
    if slicer.app.testingEnabled():
        return True
    return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle="FlareSegmentation"))
