"""The trial from its first line to its exit code."""

from __future__ import annotations

import json
import shutil
import sys
import traceback
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import qt
import slicer

from .table import TableResult

MODULE = "FlareSegmentation"
ROOT = Path(__file__).resolve().parents[3]
COMPLAINT = "no display properties are found for segment ID="  # of VTK, when a view is told of a segment too early


def runTrial(folder: Path, out: Path) -> int:
    """Run all tests and checks below ``folder``, and leave table, pictures and log in ``out``. Gives the exit code."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / "trial.txt").open("w", encoding="utf-8", buffering=1) as trial:  # each line at once: Slicer may crash
        try:
            isFine = _try(folder, out, trial)
        except Exception:
            trial.write(traceback.format_exc())
            isFine = False
        trial.write("\nThe trial has passed.\n" if isFine else "\nThe trial has failed.\n")
    return 0 if isFine else 1


def _try(folder: Path, out: Path, trial: TextIO) -> bool:
    loadModule(ROOT / MODULE / f"{MODULE}.py")
    trial.write(f"{slicer.app.applicationName} {slicer.app.applicationVersion}, Python {sys.version}\n")
    trial.write(f"module: {slicer.util.modulePath(MODULE)}\n\n")
    forget = acceptTerms()
    try:
        isFine = runTests(folder, trial)
        takePictures(out)
    finally:
        forget()
    shutil.copyfile(slicer.app.currentLogFile(), out / "slicer.log")
    return isFine and isQuiet(out / "slicer.log", trial)


def loadModule(path: Path) -> None:
    """As the Extension Wizard loads a module into a running Slicer. One that is loaded already stays as it is."""
    factory = slicer.app.moduleManager().factoryManager()
    if not factory.isLoaded(MODULE):
        factory.registerModule(qt.QFileInfo(str(path)))
        if not factory.loadModules([MODULE]):
            raise RuntimeError(f"Slicer could not load {MODULE}; its log says why")


def acceptTerms() -> Callable[[], None]:
    """As a user does before the first run. Gives what puts the setting back."""
    from FlareSegmentationLib import settings
    from FlareSegmentationLib.panel.consent import MANIFEST

    before = settings.acceptedTerms()
    settings.setAcceptedTerms(json.loads(MANIFEST.read_text(encoding="utf-8"))["licence"])
    return lambda: settings.setAcceptedTerms(before)


def runTests(folder: Path, trial: TextIO) -> bool:
    """Whether every test passed and none was skipped."""
    names = sorted(path.stem for path in folder.glob("*Test.py"))
    names += [f"trial.{path.stem}" for path in sorted((folder / "trial").glob("*_checks.py"))]
    result = TableResult(trial)
    unittest.defaultTestLoader.loadTestsFromNames(names).run(result)
    result.writeTraces()
    return result.isFine


def takePictures(out: Path) -> None:
    from . import pictures

    pictures.takePictures(out)


def isQuiet(log: Path, trial: TextIO) -> bool:
    """Whether Slicer's log has no complaint of VTK about segments without display properties."""
    count = log.read_text(encoding="utf-8", errors="replace").count(COMPLAINT)
    if count:
        trial.write(f'\nSlicer\'s log says {count} times: "{COMPLAINT}..."\n')
    return not count
