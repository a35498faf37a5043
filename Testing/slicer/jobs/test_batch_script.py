"""docs/examples/segment_folder.py: in this process, and as Slicer runs it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from flareseg.io.writing import write_scan

SCRIPT = Path(__file__).resolve().parents[3] / "docs" / "examples" / "segment_folder.py"
SLICER = """
import os, runpy, sys
sys.path.insert(0, sys.argv[1])
del sys.argv[:2]  # sys.argv is now what Slicer makes of its own command line
from standins.install import install; install()
import slicer
from types import SimpleNamespace
from PySide6.QtCore import QCoreApplication, QTimer
options = SimpleNamespace(runPythonAndExit=True)
slicer.app.commandOptions = lambda: options
slicer.app.exit = QCoreApplication.exit
QTimer.singleShot(0, lambda: runpy.run_path(sys.argv[0], run_name="__main__"))  # once the event loop runs
code = QCoreApplication.instance().exec()
sys.stdout.flush()
os._exit(code if options.runPythonAndExit is False else 99)
"""


@pytest.fixture
def script():
    spec = importlib.util.spec_from_file_location("segment_folder", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(script, engine):
    return lambda *arguments: script.main([str(SCRIPT), *map(str, arguments)])


@pytest.fixture
def scans(tmp_path, phantom):
    folder = tmp_path / "Bäuche 1"
    folder.mkdir()
    write_scan(folder / "ct.nii.gz", phantom.volume)
    return folder


@pytest.mark.parametrize("separator", [["--"], []])
def test_with_or_without_slicers_separator_a_folder_is_segmented(run, scans, tmp_path, separator, capsys):
    assert run(*separator, scans, tmp_path / "organs", "--device", "cpu") == 0
    assert (tmp_path / "organs" / "ct-organs.seg.nrrd").exists()
    assert "ct.nii.gz  done" in capsys.readouterr().out


def test_started_again_it_skips_and_with_again_it_does_not(run, scans, tmp_path, capsys):
    run(scans, tmp_path / "organs")
    assert run(scans, tmp_path / "organs") == 0
    assert "ct.nii.gz  skipped" in capsys.readouterr().out
    assert run(scans, tmp_path / "organs", "--again") == 0
    assert "skipped" not in capsys.readouterr().out


def test_a_scan_that_fails_makes_exit_code_1_and_is_named(run, scans, tmp_path, capsys):
    (scans / "broken.nii.gz").write_bytes(b"no image")
    assert run(scans, tmp_path / "organs") == 1
    out = capsys.readouterr().out
    assert "broken.nii.gz  failed  broken.nii.gz is damaged" in out
    assert "ct.nii.gz  done" in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "usage: segment_folder.py"),
        (["nowhere", "organs"], "Folder not found: nowhere. Check the path."),
        (["nowhere", "organs", "--device", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_what_cannot_be_done_makes_exit_code_2_with_a_message(run, arguments, told, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert run("--", *arguments) == 2
    captured = capsys.readouterr()
    assert told in captured.out + captured.err
    assert "Traceback" not in captured.out + captured.err


@pytest.mark.usefixtures("packages_missing")
def test_missing_packages_are_told_rather_than_asked_for(run, scans, tmp_path, capsys):
    assert run(scans, tmp_path / "organs") == 2
    assert "click Segment organs" in capsys.readouterr().out
    assert not (tmp_path / "organs").exists()


def test_an_extension_that_is_not_installed_is_told(script, monkeypatch, capsys, tmp_path):
    monkeypatch.delitem(sys.modules, "FlareSegmentation", raising=False)
    monkeypatch.chdir(tmp_path)
    elsewhere = [entry for entry in sys.path if not list(Path(entry).glob("FlareSegmentation*"))]
    monkeypatch.setattr(sys, "path", elsewhere)
    assert script.main([str(SCRIPT), str(tmp_path), str(tmp_path)]) == 2
    assert "Install the extension FlareSegmentation" in capsys.readouterr().out


def as_slicer(*arguments: object) -> subprocess.CompletedProcess[str]:
    """As ``Slicer --no-main-window --python-script SCRIPT -- ARGUMENTS``."""
    command = [sys.executable, "-c", SLICER, str(Path(__file__).parents[1]), str(SCRIPT), "--", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_a_real_process_segments_a_folder_and_ends(scans, tmp_path):
    done = as_slicer(scans, tmp_path / "organs", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert "ct.nii.gz  done" in done.stdout
    assert (tmp_path / "organs" / "results.csv").exists()


def test_a_real_process_ends_with_code_2_when_nothing_can_be_done(tmp_path):
    assert as_slicer(tmp_path / "nowhere", tmp_path / "organs").returncode == 2
