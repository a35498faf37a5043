"""The choice of the networks' precision, as the parameter node keeps it and the panel shows it."""

from __future__ import annotations

from enum import Enum

from flareseg.errors import FlareError
from slicer.i18n import tr as _


class PrecisionChoice(Enum):
    """``value`` is what the engine understands (see flareseg.precision), ``label()`` what a person reads."""

    AUTO = "auto"
    FLOAT32 = "float32"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"

    def label(self) -> str:
        """Slicer's parameter node fills the combo box with these."""
        return _("Automatic") if self is PrecisionChoice.AUTO else self.value

    @classmethod
    def of(cls, choice: str | PrecisionChoice) -> PrecisionChoice:
        """Raises FlareError("bad_job") for a precision that does not exist."""
        try:
            return cls(choice)
        except ValueError:
            raise FlareError(
                "bad_job",
                _("There is no precision called {choice!r}.").format(choice=choice),
                _('Use "auto", "float32", "float16" or "bfloat16".'),
            ) from None
