"""scripts/try_in_slicer.py and the checks of Testing/Python/trial, as far as the stand-ins go."""

from __future__ import annotations

import importlib
import re
import shutil
import sys
import unittest
from pathlib import Path
from types import ModuleType

import pytest
import slicer
from conftest import COARSE_PHANTOM
from conftest import SCRIPT as WORKER
from PySide6.QtWidgets import QLabel

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "try_in_slicer.py"
FOLDER = SCRIPT.parents[1] / "Testing" / "Python"
CHECKS = sorted(path.stem for path in (FOLDER / "trial").glob("*_checks.py"))
HEAD = "import unittest\nclass SmallTest(unittest.TestCase):\n    def test_it_is_so(self):\n        "


@pytest.fixture
def trial(desktop, monkeypatch):
    """Imports modules of the trial, in an application that has not loaded the module."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield lambda name: importlib.import_module(f"trial.{name}")
    for name in [name for name in sys.modules if name.split(".")[0] in ("trial", "panel_driver", "SmallTest")]:
        del sys.modules[name]


@pytest.fixture
def repository(tmp_path):
    """A repository with the module, the script and the trial, but without tests and checks, and without pictures."""
    folder = tmp_path / "repository"
    parts = folder / "Testing" / "Python" / "trial"
    parts.mkdir(parents=True)
    for name in ("__init__", "trial", "table"):
        shutil.copy(FOLDER / "trial" / f"{name}.py", parts)
    (parts / "pictures.py").write_text("def takePictures(out): pass\n", encoding="utf-8")
    (folder / "scripts").mkdir()
    shutil.copy(SCRIPT, folder / "scripts")
    (folder / "FlareSegmentation").symlink_to(SCRIPT.parents[1] / "FlareSegmentation", target_is_directory=True)
    return folder


@pytest.fixture
def small(trial, repository, tmp_path, monkeypatch):
    """The trial of that repository with one small test."""
    tests = repository / "Testing" / "Python"
    monkeypatch.syspath_prepend(str(tests))

    def run(body: str | None) -> tuple[int, str]:
        if body is not None:
            (tests / "SmallTest.py").write_text(HEAD + body, encoding="utf-8")
        code = trial("trial").runTrial(tests, tmp_path / "out")
        return code, (tmp_path / "out" / "trial.txt").read_text(encoding="utf-8")

    return run


class TestTable:
    def test_all_passed_is_told_and_ends_with_0(self, small):
        code, table = small("pass")
        assert code == 0
        assert re.search(r"^passed +\d\.\d  it is so$", table, re.MULTILINE)
        assert table.endswith("The trial has passed.\n")

    def test_what_was_measured_stands_in_its_line(self, small):
        _code, table = small('self.remark = "12 ms, aim 30 ms"')
        assert "  it is so: 12 ms, aim 30 ms\n" in table

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ("self.assertEqual(2, 3, 'two is not three')", "it is so: 2 != 3 : two is not three"),
            ("raise OSError('the disk is gone')", "it is so: OSError: the disk is gone"),
            ("self.skipTest('no PyTorch here')", "it is so: no PyTorch here"),
            ("\n        with self.subTest('liver'): self.fail('no liver')", "no liver"),
            ("= no Python", "SyntaxError"),
            (None, "The trial has failed."),
        ],
    )
    def test_anything_else_is_told_and_ends_with_1(self, small, body, said):
        code, table = small(body)
        assert code == 1
        assert said in table
        assert table.endswith("The trial has failed.\n")

    def test_it_tells_which_slicer_and_which_copy_of_the_module_were_tried(self, small):
        _code, table = small("pass")
        assert table.startswith(f"Slicer {slicer.app.applicationVersion}")
        assert str(SCRIPT.parents[1] / "FlareSegmentation" / "FlareSegmentation.py") in table

    def test_slicers_log_is_kept(self, small, tmp_path):
        small("pass")
        assert (tmp_path / "out" / "slicer.log").exists()

    def test_a_complaint_of_vtk_in_the_log_fails_the_trial(self, small, monkeypatch, tmp_path):
        log = tmp_path / "Slicer.log"
        log.write_text("Warning: no display properties are found for segment ID=FlareSegmentation.Liver\n")
        monkeypatch.setattr(slicer.app, "currentLogFile", lambda: str(log))
        code, table = small("pass")
        assert code == 1
        assert "Slicer's log says 1 times" in table


def test_module_that_cannot_be_loaded_fails_the_trial(small, repository):
    (repository / "FlareSegmentation").unlink()
    code, table = small("pass")
    assert code == 1
    assert "Slicer could not load FlareSegmentation" in table


def test_module_that_is_loaded_already_stays_as_it_is(trial):
    path = SCRIPT.parents[1] / "FlareSegmentation" / "FlareSegmentation.py"
    trial("trial").loadModule(path)
    module = slicer.util.getModule("FlareSegmentation")
    trial("trial").loadModule(path)
    assert slicer.util.getModule("FlareSegmentation") is module


class TestPictures:
    @pytest.fixture
    def pictures(self, trial):
        trial("trial").loadModule(SCRIPT.parents[1] / "FlareSegmentation" / "FlareSegmentation.py")
        return trial("pictures")

    def test_they_are_taken_before_during_and_after_a_run(self, pictures, engine, tmp_path):
        pictures.takePictures(tmp_path)
        taken = [(tmp_path / f"{name}.png").read_bytes() for name in ("before", "during", "after")]
        assert len(set(taken)) == 3

    @pytest.mark.usefixtures("packages_missing")
    def test_where_packages_are_missing_nothing_is_clicked(self, pictures, tmp_path):
        pictures.takePictures(tmp_path)
        assert [path.name for path in tmp_path.glob("*.png")] == ["before.png"]

    def test_a_picture_is_taken_when_the_window_has_settled(self, pictures, tmp_path):
        label = QLabel()
        sizes = iter([100, 200, 300])

        class Settling:
            def grab(self):
                label.resize(next(sizes, 300), 50)
                return label.grab()

        pictures.grab(Settling(), tmp_path / "picture.png")
        assert next(sizes, None) is None


def test_longest_stall_is_measured(trial):
    import time

    stalls = trial("stalls").Stalls()
    driver = importlib.import_module("panel_driver")
    with stalls:
        driver.waitUntil(lambda: True)
        time.sleep(0.3)
    assert 250 < stalls.longestMs < 3000


@pytest.mark.parametrize("name", CHECKS)
def test_checks_pass_are_skipped_or_fail_in_words(name, trial, python_slicer, monkeypatch):
    """On a worker that finds nothing but liver, most fail; none may stumble over a name, a type or its own code."""
    trial("trial").loadModule(SCRIPT.parents[1] / "FlareSegmentation" / "FlareSegmentation.py")
    python_slicer([sys.executable, str(WORKER), "willing"], COARSE_PHANTOM)
    monkeypatch.setenv("FLARESEG_TEST_LIMIT_SECONDS", "0.7")
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromName(f"trial.{name}").run(result)
    assert result.errors == []
    assert result.testsRun >= 5


@pytest.fixture
def as_main(repository, monkeypatch):
    """Runs that script as Slicer does: in ``__main__``, read in the encoding of the locale, so ASCII."""
    monkeypatch.setattr(slicer.app, "exitCode", None)
    script = repository / "scripts" / SCRIPT.name
    main = ModuleType("__main__")
    main.__file__ = str(script)
    monkeypatch.setitem(sys.modules, "__main__", main)

    def run(*arguments: str) -> int | None:
        monkeypatch.setattr(sys, "argv", [str(script), *arguments])
        exec(script.read_text(encoding="ascii"), vars(main))
        return slicer.app.exitCode

    return run


def test_slicer_runs_it_as_a_script_and_gets_its_exit_code(as_main):
    assert as_main() == 2


def test_slicer_may_delete_names_of_main_while_it_loads_the_module(as_main, trial, repository, tmp_path):
    """The real application deletes ``sys`` and ``os`` there, and the stand-in does so, too."""
    (repository / "Testing" / "Python" / "SmallTest.py").write_text(HEAD + "pass", encoding="utf-8")
    assert as_main(str(tmp_path / "out")) == 0
    assert not hasattr(sys.modules["__main__"], "sys")
    assert "The trial has passed." in (tmp_path / "out" / "trial.txt").read_text(encoding="utf-8")


def test_the_command_in_the_docs_is_that_of_the_script():
    (command,) = re.findall(r"^    (Slicer .+)$", SCRIPT.read_text(encoding="utf-8"), re.MULTILINE)
    assert command in (SCRIPT.parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
