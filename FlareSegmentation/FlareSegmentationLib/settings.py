"""The user's preferences, stored in Slicer's settings."""

from __future__ import annotations

from typing import Any

import slicer
from flareseg.core.report import Report

from .choices import DeviceChoice

_PREFIX = "FlareSegmentation/"
KEEP_WARM_MINUTES = 5
_LEARNING = 0.5  # weight of the newest run in how slow this computer is taken to be


def keepWarmMinutes() -> int:
    return int(float(_value("KeepWarmMinutes", KEEP_WARM_MINUTES)))


def setKeepWarmMinutes(minutes: int) -> None:
    _set("KeepWarmMinutes", minutes)


def show3D() -> bool:
    return _flag("Show3D")


def setShow3D(on: bool) -> None:
    _set("Show3D", on)


def goToOrgans() -> bool:
    return _flag("GoToOrgans", True)


def setGoToOrgans(on: bool) -> None:
    _set("GoToOrgans", on)


def splitKidneys() -> bool:
    return _flag("SplitKidneys")


def setSplitKidneys(on: bool) -> None:
    _set("SplitKidneys", on)


def device() -> DeviceChoice:
    try:
        return DeviceChoice(_value("Device", DeviceChoice.AUTO.value))
    except ValueError:  # written by another version
        return DeviceChoice.AUTO


def setDevice(choice: DeviceChoice) -> None:
    _set("Device", choice.value)


def weightsFolder() -> str:
    """Folder with weights of the user's own, for the whole scan in one pass; empty without."""
    return str(_value("WeightsFolder", ""))


def setWeightsFolder(folder: str) -> None:
    _set("WeightsFolder", folder)


def acceptedTerms() -> str:
    """The terms of the weights that the user has accepted; empty before."""
    return str(_value("AcceptedTerms", ""))


def setAcceptedTerms(terms: str) -> None:
    _set("AcceptedTerms", terms)


def slowness(deviceKind: str) -> float:
    """How many times slower than the engine's model runs on "cpu" or "cuda" were on this computer."""
    return float(_value(f"Slowness/{deviceKind}", 1.0))


def learn(report: Report) -> None:
    """Take a finished run into account for the next forecast.

    The forecast is of the two networks, which find the region themselves: other runs take more or less.
    """
    from flareseg.core import estimate

    if report.roi_source != "network":
        return
    kind = report.device.kind
    key, seen = f"Slowness/{kind}", estimate.slowness(report)
    isFirst = not slicer.app.userSettings().contains(_PREFIX + key)
    _set(key, seen if isFirst else slowness(kind) * (1 - _LEARNING) + seen * _LEARNING)


def _value(key: str, default: Any) -> Any:
    """Return a setting as it is stored: an ini file gives text for everything, so callers convert."""
    return slicer.app.userSettings().value(_PREFIX + key, default)


def _flag(key: str, default: bool = False) -> bool:
    return str(_value(key, default)).lower() == "true"


def _set(key: str, value: Any) -> None:
    slicer.app.userSettings().setValue(_PREFIX + key, value)
