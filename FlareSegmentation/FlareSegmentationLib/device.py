"""The choice of device, as the parameter node keeps it and the panel shows it."""

from __future__ import annotations

from enum import Enum

from flareseg.errors import FlareError
from slicer.i18n import tr as _


class DeviceChoice(Enum):
    """``value`` is what the engine understands, ``label()`` what a person reads."""

    AUTO = "auto"
    GPU = "cuda"
    CPU = "cpu"

    def label(self) -> str:
        """Slicer's parameter node fills the combo box with these."""
        return {"auto": _("Automatic"), "cuda": _("GPU"), "cpu": _("CPU")}[self.value]

    @classmethod
    def of(cls, device: str | DeviceChoice) -> DeviceChoice:
        """Raises FlareError("bad_job") for a device that does not exist."""
        try:
            return cls(device)
        except ValueError:
            raise FlareError(
                "bad_job",
                _("There is no device called {device!r}.").format(device=device),
                _('Use "auto", "cuda" or "cpu".'),
            ) from None
