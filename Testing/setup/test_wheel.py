"""The wheel: what it holds, what it says of itself, and that it segments a scan where the checkout is not at hand."""

from __future__ import annotations

import email
import email.message
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

ROOT = Path(__file__).resolve().parents[2]
MODELS = {"manifest.json", "roi_unet.safetensors", "dense_vnet.safetensors"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a new environment with the wheel. Its dependencies are those of the Python that runs the tests.

    A folder named in a .pth file does not have its own .pth files read, so that an editable install of the checkout in
    it is out of reach.
    """
    folder = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(folder, with_pip=False)
    programs = folder / ("Scripts" if sys.platform == "win32" else "bin")
    packages = run(programs, folder, "python", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
    dependencies = {path for path in sys.path if path.endswith("site-packages")}
    Path(packages, "dependencies.pth").write_text("\n".join(sorted(dependencies)), encoding="utf-8")
    install = [sys.executable, "-m", "pip", "--isolated", "--python", str(folder), "install", "--no-index", "--no-deps"]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True, timeout=120)
    return programs


def run(environment: Path, folder: Path, *words: str) -> str:
    """What a program of the clean environment prints, called in ``folder``."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    command = [str(environment / words[0]), *words[1:]]
    done = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as file:
        return file.namelist()


def metadata(wheel: Path) -> email.message.Message:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(file.read(name))


def test_it_holds_the_engine_with_its_networks_and_its_types(wheel: Path) -> None:
    held = set(names(wheel))
    assert {f"flareseg/models/{name}" for name in MODELS} <= held
    assert {"flareseg/__main__.py", "flareseg/cli/app.py", "flareseg/worker/__main__.py", "flareseg/py.typed"} <= held


def test_it_holds_nothing_but_the_engine(wheel: Path) -> None:
    held = names(wheel)
    assert {name.split("/")[0].split("-")[0] for name in held} == {"flareseg"}
    assert [name for name in held if "test" in name.lower() or "benchmark" in name] == []
    kinds = {Path(name).suffix for name in held if ".dist-info/" not in name}
    assert kinds == {".py", ".typed", ".json", ".safetensors", ".yaml", ".j2"}, "no data for training"
    assert wheel.stat().st_size < 15e6


def test_it_says_what_it_is(wheel: Path) -> None:
    said = metadata(wheel)
    assert (said["Name"], said["License-Expression"], said["Requires-Python"]) == ("flareseg", "Apache-2.0", ">=3.10")
    assert said["Author"] == "FlareSegmentation contributors"
    assert "Topic :: Scientific/Engineering :: Medical Science Apps." in said.get_all("Classifier", [])
    assert {url.split(",")[0] for url in said.get_all("Project-URL", [])} >= {"Homepage", "Changelog", "Issues"}
    assert {"train", "evaluate", "docs", "test"} <= set(said.get_all("Provides-Extra", []))
    assert "spleen and pancreas in an abdominal CT" in str(said.get_payload())


def test_what_is_imported_is_the_wheel(environment: Path, tmp_path: Path) -> None:
    said = run(environment, tmp_path, "python", "-c", "import flareseg; print(flareseg.__file__)")
    assert Path(said).is_relative_to(environment.parent)


def test_the_version_is_that_of_the_code(wheel: Path, environment: Path, tmp_path: Path) -> None:
    assert run(environment, tmp_path, "flareseg", "--version") == f"flareseg {metadata(wheel)['Version']}"


def test_a_phantom_is_made_and_segmented(environment: Path, tmp_path: Path) -> None:
    run(environment, tmp_path, "flareseg", "phantom", "made", "--size", "128,128,80", "--spacing", "3,3,4")
    run(environment, tmp_path, "flareseg", "segment", "made/ct.nii.gz", "-o", "organs.nii.gz", "--device", "cpu")
    found, ground_truth = (
        sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / name))) for name in ("organs.nii.gz", "made/labels.nii.gz")
    )
    assert set(np.unique(found)) == {0, 1, 2, 3, 4}
    liver = 2 * ((found == 1) & (ground_truth == 1)).sum() / ((found == 1).sum() + (ground_truth == 1).sum())
    assert liver > 0.9
