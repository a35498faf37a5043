"""Put the stand-ins where the product looks for them."""

from __future__ import annotations

import ctypes
import importlib
import sys
import types
from pathlib import Path

MODULE_FOLDER = Path(__file__).resolve().parents[3] / "FlareSegmentation"


def install(folder: Path = MODULE_FOLDER) -> None:
    """Once per process, before anything of the product is imported; ``folder``: of the module."""
    _keep_constants_alive()
    from .pythonqt import QtModule

    slicer = _import_slicer()
    qt = QtModule("qt")
    sys.modules["qt"] = qt
    from . import application, desktop, packaging_module, widgets
    from .loader import QUiLoader

    qt.QUiLoader = lambda: QUiLoader(qt)
    ctk = types.ModuleType("ctk")
    ctk.ctkCollapsibleButton = widgets.BY_CLASS_NAME["ctkCollapsibleButton"]  # type: ignore[attr-defined]
    sys.modules["ctk"] = ctk
    for name, widget in widgets.BY_CLASS_NAME.items():
        if name.startswith("qMRML"):
            setattr(slicer, name, widget)
    slicer.qSlicerDICOMExportDialog = widgets.DICOMExportDialog
    _add(slicer, "i18n", _i18n())
    _add(slicer, "packaging", packaging_module)
    application.install()
    slicer.util.modulePath = lambda name: str(folder / f"{name}.py")
    slicer.qSlicerScriptedLoadableModuleWidget = desktop.ModuleWidget
    _add(slicer, "ScriptedLoadableModule", importlib.import_module(f"{__package__}.scripted_module"))
    _add(slicer, "parameterNodeWrapper", importlib.import_module(f"{__package__}.parameter_node"))
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))


def _import_slicer() -> types.ModuleType:
    """slicer-core imports whatever lies in a folder ``slicer`` on the path; these tests are in such a folder."""
    path, tests = sys.path[:], Path(__file__).resolve().parents[1]
    sys.path[:] = [entry for entry in path if (Path(entry) / "slicer").resolve() != tests]
    try:
        return importlib.import_module("slicer")
    finally:
        sys.path[:] = path


def _keep_constants_alive() -> None:
    """PySide6 6.12 returns None, and a disconnect's True, without counting the reference; Python before 3.12 counts it.

    After some thousand calls the interpreter would stop with "deallocating None" or "deallocating True or False".
    """
    if sys.version_info < (3, 12):
        for constant in (None, True, False):
            ctypes.c_ssize_t.from_address(id(constant)).value += 1 << 40


def _i18n() -> types.ModuleType:
    """Texts are shown as they are, except those in ``translations``."""
    module = types.ModuleType("slicer.i18n")
    module.translations = {}  # type: ignore[attr-defined]
    module.tr = lambda text, context=None: module.translations.get(text, text)  # type: ignore[attr-defined]
    module.translate = lambda context, text: text  # type: ignore[attr-defined]
    return module


def _add(slicer: types.ModuleType, name: str, module: types.ModuleType) -> None:
    sys.modules[f"slicer.{name}"] = module
    setattr(slicer, name, module)
