"""The terms of the weights, accepted once before the first run from the panel. Scripts and the command are not asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import slicer
from flareseg.inference.manifest import read_manifest
from slicer.i18n import tr as _

from .. import settings


class Consent:
    """Asks for the terms of the weights, and remembers in Slicer's settings that they were accepted.

    Args:
        weights: The folder of the weights, with the manifest that states their terms; None takes those of the module.
        ask: Shows a text with the buttons OK and Cancel, and tells whether it was OK.
    """

    def __init__(self, weights: Path | None = None, ask: Callable[[str], bool] | None = None) -> None:
        self._weights = weights
        self._ask = ask or _askInMessageBox

    def isGiven(self) -> bool:
        """Whether a run may start; asks the user unless these terms were accepted before."""
        terms = read_manifest(self._weights).licence
        if terms == settings.acceptedTerms():
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
    return bool(slicer.util.confirmOkCancelDisplay(text, windowTitle="FlareSegmentation"))
