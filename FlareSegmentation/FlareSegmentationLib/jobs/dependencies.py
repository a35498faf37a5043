"""Installation of the engine's Python packages: torch by the PyTorch extension, the rest by slicer.packaging.

slicer.packaging is in Slicer 5.12.3 (stable) and 5.13 (preview) with the same functions; which functions exist is
checked when they are needed.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import slicer
from flareseg.core.errors import PackagesError
from slicer.i18n import tr as _

TORCH = "torch"
TORCH_VERSION = ">=2.4"
DICOM_PACKAGE = "highdicom>=0.27"
REQUESTER = "FlareSegmentation"
SLICERS_OWN = ("numpy", "scipy", "SimpleITK", "pydicom", "pillow")  # no installation may replace these
REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"
_USED = ("load_requirements", "pip_check", "pip_ensure")  # of slicer.packaging


def _importPackaging() -> ModuleType:
    return importlib.import_module("slicer.packaging")


def _importPyTorchUtils() -> ModuleType:
    return importlib.import_module("PyTorchUtils")


class Dependencies:
    """Installs what is missing, after asking. Torch is never imported here, only looked up.

    Args:
        importPackaging: Gives slicer.packaging, or raises ModuleNotFoundError.
        importPyTorchUtils: Gives the module of the PyTorch extension, or raises ModuleNotFoundError.
        requirements: The requirements file of the engine, without torch.
    """

    def __init__(
        self,
        importPackaging: Callable[[], ModuleType] = _importPackaging,
        importPyTorchUtils: Callable[[], ModuleType] = _importPyTorchUtils,
        requirements: Path = REQUIREMENTS,
    ) -> None:
        self._importPackaging = importPackaging
        self._importPyTorchUtils = importPyTorchUtils
        self._requirements = requirements

    def areThere(self) -> bool:
        """Whether a click segments without installing anything."""
        return self._packaging() is not None and not self._missing()

    def canInstall(self) -> bool:
        """Whether a click can install what is missing; else Slicer or an extension has to be installed first."""
        return self._packaging() is not None and (self._hasTorch() or self._hasPyTorchExtension())

    def notice(self) -> str:
        """What stands between the user and the first click, in one message; empty when everything is there."""
        if self.areThere():
            return ""
        if not self.canInstall():
            error = self._refusal()
            return f"{error.message} {error.hint}"
        return _("The first click asks to install: {packages}.").format(packages=", ".join(self._missing()))

    def ensure(self) -> None:
        """Install what is missing, and wait for it. Raises PackagesError when something stays missing."""
        if self.areThere():
            return
        if not self.canInstall():
            raise self._refusal()
        if not self._hasTorch():
            self._installTorch()
        self._install(self._presentPackaging().load_requirements(self._requirements))

    def ensureDicom(self) -> None:
        """The same for what writes DICOM results, which few need. Raises PackagesError."""
        self._install([DICOM_PACKAGE])

    def _packaging(self) -> ModuleType | None:
        """slicer.packaging, if this Slicer has it with the functions that are used here."""
        try:
            packaging = self._importPackaging()
        except ModuleNotFoundError:
            return None
        return packaging if all(hasattr(packaging, name) for name in _USED) else None

    def _hasPyTorchExtension(self) -> bool:
        try:
            self._importPyTorchUtils()
        except ModuleNotFoundError:
            return False
        return True

    def _hasTorch(self) -> bool:
        return bool(self._presentPackaging().pip_check(TORCH + TORCH_VERSION))

    def _missing(self) -> list[str]:
        """The requirements that are not satisfied, torch first."""
        packaging = self._presentPackaging()
        requirements = packaging.load_requirements(self._requirements)
        torch = [] if self._hasTorch() else [TORCH + TORCH_VERSION]
        return torch + [f"{each.name}{each.specifier}" for each in requirements if not packaging.pip_check(each)]

    def _presentPackaging(self) -> ModuleType:
        packaging = self._packaging()
        if packaging is None:
            raise self._refusal()
        return packaging

    def _refusal(self) -> PackagesError:
        """Everything that is missing before anything can be installed, in one message."""
        if self._packaging() is None:
            return PackagesError(
                _("Slicer {version} has no package installer (slicer.packaging) that this module can use.").format(
                    version=slicer.app.applicationVersion
                ),
                _("Install Slicer 5.12.3 or later, stable or preview."),
            )
        return PackagesError(
            _("The PyTorch extension is not installed. Missing: {packages}.").format(
                packages=", ".join(self._missing())
            ),
            _("Install the extension PyTorch from the Extensions Manager, restart Slicer and try again."),
        )

    def _installTorch(self) -> None:
        logic = self._importPyTorchUtils().PyTorchUtilsLogic()
        try:
            torch = logic.installTorch(askConfirmation=True, torchVersionRequirement=TORCH_VERSION)
        except (subprocess.CalledProcessError, ImportError, OSError, RuntimeError) as error:
            raise _noTorch(str(error)) from error
        if torch is None:
            raise _noTorch(_("the installation was declined"))

    def _install(self, requirements: list[Any]) -> None:
        """Install those that are missing, in Slicer's own dialog. Raises PackagesError when one stays missing."""
        packaging = self._presentPackaging()
        try:
            with tempfile.TemporaryDirectory() as folder:
                constraints = Path(folder) / "constraints.txt"
                constraints.write_text("".join(map(_pin, SLICERS_OWN)), encoding="utf-8")
                packaging.pip_ensure(
                    requirements,
                    constraints=constraints,
                    requester=REQUESTER,
                    prompt_install=slicer.util.mainWindow() is not None,
                )
        except (RuntimeError, subprocess.CalledProcessError) as error:
            raise _notInstalled(str(error)) from error
        importlib.invalidate_caches()
        missing = [str(each) for each in requirements if not packaging.pip_check(each)]
        if missing:  # in testing mode Slicer installs nothing, and does not say so
            raise _notInstalled(_("still missing: {packages}").format(packages=", ".join(missing)))


def _pin(package: str) -> str:
    """A line that holds the package at its present version; empty when it is not there."""
    try:
        return f"{package}=={importlib.metadata.version(package)}\n"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _notInstalled(why: str) -> PackagesError:
    return PackagesError(
        _("Python packages that the engine needs were not installed: {why}.").format(why=why),
        _("Click again and accept the installation; it needs an internet connection once."),
    )


def _noTorch(why: str) -> PackagesError:
    return PackagesError(
        _("PyTorch was not installed: {why}.").format(why=why),
        _("Open the PyTorch Utils module, install PyTorch there, and try again."),
    )
