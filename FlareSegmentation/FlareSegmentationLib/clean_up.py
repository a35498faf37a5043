"""How thoroughly a result is cleaned, as the parameter node keeps it and the panel shows it."""

from __future__ import annotations

from enum import Enum

from flareseg.errors import FlareError
from slicer.i18n import tr as _


class CleanUp(Enum):
    """``value`` is what the engine understands (see flareseg.components), ``label()`` what a person reads."""

    OFF = "off"
    NORMAL = "normal"
    STRONG = "strong"

    def label(self) -> str:
        """Slicer's parameter node fills the combo box with these."""
        return {"off": _("Off"), "normal": _("Normal"), "strong": _("Strong")}[self.value]

    @classmethod
    def of(cls, choice: str | CleanUp) -> CleanUp:
        """Raises FlareError("bad_job") for a strength that does not exist."""
        try:
            return cls(choice)
        except ValueError:
            raise FlareError(
                "bad_job",
                _("There is no clean-up called {choice!r}.").format(choice=choice),
                _('Use "off", "normal" or "strong".'),
            ) from None
