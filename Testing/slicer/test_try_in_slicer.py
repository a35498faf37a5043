"""scripts/try_in_slicer.py: the trial in the real application, as far as the stand-ins go."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
import slicer

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "try_in_slicer.py"
TESTS = SCRIPT.parents[1] / "Testing" / "Python"
HEAD = "import unittest\nclass SmallTest(unittest.TestCase):\n    def test_it(self):\n        "


@pytest.fixture
def load(desktop, monkeypatch):
    """Gives the script, not run yet, in an application that has not loaded the module."""

    def load(path: Path) -> ModuleType:
        spec = importlib.util.spec_from_file_location("try_in_slicer", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    monkeypatch.setattr(sys, "path", sys.path[:])
    yield load
    for name in ("SmallTest", "panel_driver"):
        sys.modules.pop(name, None)


@pytest.fixture
def script(load):
    return load(SCRIPT)


@pytest.fixture
def repository(tmp_path):
    """A repository with the script and the module, but without the tests."""
    folder = tmp_path / "repository"
    (folder / "Testing" / "Python").mkdir(parents=True)
    shutil.copy(TESTS / "panel_driver.py", folder / "Testing" / "Python")
    (folder / "scripts").mkdir()
    shutil.copy(SCRIPT, folder / "scripts")
    (folder / "FlareSegmentation").symlink_to(SCRIPT.parents[1] / "FlareSegmentation", target_is_directory=True)
    return folder


@pytest.fixture
def small(load, repository, packages_missing, tmp_path):
    """The trial with one small test in place of those of the project; where packages are missing, no scan is run."""

    def run(body: str | None) -> tuple[int, str]:
        if body is not None:
            (repository / "Testing" / "Python" / "SmallTest.py").write_text(HEAD + body, encoding="utf-8")
        code = load(repository / "scripts" / SCRIPT.name).main([str(tmp_path / "out")])
        return code, (tmp_path / "out" / "trial.txt").read_text(encoding="utf-8")

    return run


def test_all_passed_is_told_and_ends_with_0(small):
    code, trial = small("pass")
    assert code == 0
    assert "test_it (SmallTest.SmallTest" in trial
    assert "... ok" in trial
    assert trial.endswith("The trial has passed.\n")


def test_it_tells_which_slicer_and_which_copy_of_the_module_were_tried(small):
    _code, trial = small("pass")
    assert trial.startswith(f"Slicer {slicer.app.applicationVersion}")
    assert str(SCRIPT.parents[1] / "FlareSegmentation" / "FlareSegmentation.py") in trial


def test_slicers_log_is_kept(small, tmp_path):
    small("pass")
    assert (tmp_path / "out" / "slicer.log").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("self.assertEqual(2, 3, 'two is not three')", "two is not three"),
        ("raise OSError('the disk is gone')", "OSError: the disk is gone"),
        ("self.skipTest('no PyTorch here')", "skipped 'no PyTorch here'"),
        ("= no Python", "SyntaxError"),
        (None, "Ran 0 tests"),
    ],
)
def test_anything_else_is_told_and_ends_with_1(small, body, said):
    code, trial = small(body)
    assert code == 1
    assert said in trial
    assert trial.endswith("The trial has failed.\n")


def test_module_that_cannot_be_loaded_fails_the_trial(small, repository):
    (repository / "FlareSegmentation").unlink()
    code, trial = small("pass")
    assert code == 1
    assert "Slicer could not load FlareSegmentation" in trial


def test_module_that_is_loaded_already_stays_as_it_is(script):
    script.load_module()
    module = slicer.util.getModule("FlareSegmentation")
    script.load_module()
    assert slicer.util.getModule("FlareSegmentation") is module


def test_pictures_are_taken_before_during_and_after_a_run(script, engine, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(TESTS))
    script.load_module()
    script.take_pictures(tmp_path)
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("before", "during", "after")]
    assert len(set(pictures)) == 3


def test_where_packages_are_missing_nothing_is_clicked(small, tmp_path):
    small("pass")
    assert [path.name for path in (tmp_path / "out").glob("*.png")] == ["before.png"]


def test_slicer_runs_it_as_a_script_and_gets_its_exit_code(monkeypatch):
    """Slicer reads a script in the encoding of the locale, so it may hold nothing but ASCII."""
    monkeypatch.setattr(sys, "argv", [str(SCRIPT)])
    monkeypatch.setattr(slicer.app, "exitCode", None)
    exec(SCRIPT.read_text(encoding="ascii"), {"__name__": "__main__", "__file__": str(SCRIPT)})
    assert slicer.app.exitCode == 2
