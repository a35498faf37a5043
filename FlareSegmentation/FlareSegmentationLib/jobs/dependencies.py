"""Installation of the engine's Python packages: torch by the PyTorch extension, the rest by slicer.packaging."""

from __future__ import annotations

import importlib
import importlib.metadata
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import slicer
from flareseg.core.errors import FlareError, PackagesError
from slicer.i18n import tr as _

TORCH = "torch"
TORCH_VERSION = ">=2.4"
REQUESTER = "FlareSegmentation"
SLICERS_OWN = ("numpy", "scipy", "SimpleITK")  # no installation may replace these
REQUIREMENTS = Path(__file__).resolve().parents[2] / "Resources" / "requirements.txt"


def _importPyTorchUtils() -> ModuleType:
    return importlib.import_module("PyTorchUtils")


class Dependencies:
    """Installs what is missing, after asking. Torch is never imported here, only looked up."""

    def __init__(
        self,
        packaging: ModuleType | None = None,
        importPyTorchUtils: Callable[[], ModuleType] = _importPyTorchUtils,
        requirements: Path = REQUIREMENTS,
    ) -> None:
        self._givenPackaging = packaging
        self._importPyTorchUtils = importPyTorchUtils
        self._requirements = requirements

    def areThere(self) -> bool:
        try:
            requirements = self._packaging.load_requirements(self._requirements)
        except FlareError:
            return False
        return self._hasTorch() and bool(self._packaging.pip_check(requirements))

    def canInstall(self) -> bool:
        """Whether another try may help; else the PyTorch extension has to be installed first."""
        try:
            if not self._hasTorch():
                self._importPyTorchUtils()
        except (ModuleNotFoundError, FlareError):
            return False
        return True

    def ensure(self) -> None:
        """Install what is missing, and wait for it. Raises PackagesError when something stays missing."""
        if not self._hasTorch():
            self._installTorch()
        try:
            self._installRequirements()
        except (RuntimeError, subprocess.CalledProcessError) as error:
            raise PackagesError(
                _("Python packages that the engine needs were not installed: {why}.").format(why=error),
                _("Click again and accept the installation; it needs an internet connection once."),
            ) from error

    @property
    def _packaging(self) -> ModuleType:
        try:
            return self._givenPackaging or importlib.import_module("slicer.packaging")
        except ModuleNotFoundError:
            raise PackagesError(
                _("This Slicer has no slicer.packaging, through which the engine's packages are installed."),
                _("Install Slicer 5.13 or later."),
            ) from None

    def _hasTorch(self) -> bool:
        return bool(self._packaging.pip_check(TORCH + TORCH_VERSION))

    def _installTorch(self) -> None:
        try:
            logic = self._importPyTorchUtils().PyTorchUtilsLogic()
        except ModuleNotFoundError:
            raise PackagesError(
                _("The PyTorch extension is not installed."),
                _("Install it from the Extensions Manager, restart Slicer and try again."),
            ) from None
        try:
            torch = logic.installTorch(askConfirmation=True, torchVersionRequirement=TORCH_VERSION)
        except (subprocess.CalledProcessError, ImportError, OSError, RuntimeError) as error:
            raise _noTorch(str(error)) from error
        if torch is None:
            raise _noTorch(_("the installation was declined"))

    def _installRequirements(self) -> None:
        requirements = self._packaging.load_requirements(self._requirements)
        with tempfile.TemporaryDirectory() as folder:
            constraints = Path(folder) / "constraints.txt"
            constraints.write_text("".join(map(_pin, SLICERS_OWN)), encoding="utf-8")
            self._packaging.pip_ensure(
                requirements,
                constraints=constraints,
                requester=REQUESTER,
                prompt_install=slicer.util.mainWindow() is not None,
            )


def _pin(package: str) -> str:
    """A line that holds the package at its present version; empty when it is not there."""
    try:
        return f"{package}=={importlib.metadata.version(package)}\n"
    except importlib.metadata.PackageNotFoundError:
        return ""


def _noTorch(why: str) -> PackagesError:
    return PackagesError(
        _("PyTorch was not installed: {why}.").format(why=why),
        _("Open the PyTorch Utils module, install PyTorch there, and try again."),
    )
