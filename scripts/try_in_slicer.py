"""Trial of this module in the real application: Slicer --python-script scripts/try_in_slicer.py OUT

Runs every test of Testing/Python, takes pictures of the main window before, during and after a run, and leaves in the
folder OUT: trial.txt (each test, and why it failed or was skipped), the pictures, and Slicer's own log. Slicer ends by
itself, with 0 only when every test passed, none was skipped, and the pictures could be taken.
"""

import logging
import shutil
import sys
import traceback
import unittest
from pathlib import Path
from typing import TextIO

import qt
import slicer

MODULE = "FlareSegmentation"
REPOSITORY = Path(__file__).resolve().parents[1]
TESTS = REPOSITORY / "Testing" / "Python"


def main(arguments: list[str]) -> int:
    """The exit code."""
    if len(arguments) != 1:
        logging.error(__doc__)
        return 2
    out = Path(arguments[0]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with (out / "trial.txt").open("w", encoding="utf-8", buffering=1) as trial:  # each line at once: Slicer may crash
        try:
            load_module()
            trial.write(f"{slicer.app.applicationName} {slicer.app.applicationVersion}, Python {sys.version}\n")
            trial.write(f"module: {slicer.util.modulePath(MODULE)}\n\n")
            is_fine = run_tests(trial)
            take_pictures(out)
            shutil.copyfile(slicer.app.currentLogFile(), out / "slicer.log")
        except Exception:
            trial.write(traceback.format_exc())
            is_fine = False
        trial.write("\nThe trial has passed.\n" if is_fine else "\nThe trial has failed.\n")
    return 0 if is_fine else 1


def load_module() -> None:
    """Load the module as the Extension Wizard does into a running Slicer, unless it is loaded already."""
    factory = slicer.app.moduleManager().factoryManager()
    if not factory.isLoaded(MODULE):
        factory.registerModule(qt.QFileInfo(str(REPOSITORY / MODULE / f"{MODULE}.py")))
        if not factory.loadModules([MODULE]):
            raise RuntimeError(f"Slicer could not load {MODULE}; its log says why")


def run_tests(trial: TextIO) -> bool:
    """Whether every test passed and none was skipped."""
    sys.path.insert(0, str(TESTS))
    suite = unittest.defaultTestLoader.loadTestsFromNames(sorted(path.stem for path in TESTS.glob("*Test.py")))
    result = unittest.TextTestRunner(trial, verbosity=2).run(suite)
    return bool(result.testsRun and result.wasSuccessful() and not result.skipped)


def take_pictures(out: Path) -> None:
    """before.png, during.png and after.png: the main window around a run on the synthetic CT."""
    from panel_driver import Dependencies, Panel, addScan, waitUntil

    slicer.mrmlScene.Clear()
    panel, scan = Panel(), addScan("Synthetic CT")
    slicer.util.setSliceViewerLayers(background=scan, fit=True)
    panel.choose(scan)
    grab(out / "before.png")
    if not Dependencies().areThere():
        return  # a click would ask to install them, and wait for an answer
    panel.click()
    waitUntil(panel.isInTheMiddle)
    grab(out / "during.png")
    waitUntil(panel.isReady)
    grab(out / "after.png")
    panel.close()


def grab(picture: Path) -> None:
    slicer.app.processEvents()
    if not slicer.util.mainWindow().grab().save(str(picture)):
        raise OSError(f"{picture} could not be written")


if __name__ == "__main__":
    slicer.util.exit(main(sys.argv[1:]))
