"""Conversion of an unexpected error into a failure with a message for users."""

from __future__ import annotations

import logging

from flareseg.core.errors import FlareError, InternalError
from slicer.i18n import tr as _


def explained(error: Exception) -> FlareError:
    """The error itself; or, for one of another kind, a failure for people, with the rest in Slicer's log."""
    if isinstance(error, FlareError):
        return error
    logging.error("FlareSegmentation: an unexpected failure", exc_info=error)
    return InternalError(
        _("An unexpected error occurred ({what}: {why}).").format(what=type(error).__name__, why=error),
        _("Please report this with the text of Slicer's error log."),
    )
