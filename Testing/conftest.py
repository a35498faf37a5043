"""Fixtures that all test folders may use."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dicom_files import write_series
from flareseg.inference.cascade import Cascade
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom, make_phantom

pytest_plugins = ("expected_skips",)

_SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def real_ct() -> Path:
    """Folder with the real CTs that lie beside a developer's checkout."""
    return _there(_SHARED / "data" / "ct", "the real CTs are not beside this checkout (../shared/data/ct)")


@pytest.fixture(scope="session")
def reference_predictions() -> Path:
    """Folder with the predictions that the starting weights are known to give."""
    return _there(_SHARED / "weights", "the reference predictions are not beside this checkout (../shared/weights)")


@pytest.fixture(scope="session")
def phantom() -> Phantom:
    """A small synthetic abdomen that takes a second to make and to segment."""
    return make_phantom(shape=(80, 128, 128), spacing=(4.0, 3.0, 3.0))


@pytest.fixture(scope="session")
def phantom_file(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "ct.nii.gz"
    write_scan(path, phantom.volume)
    return path


@pytest.fixture(scope="session")
def phantom_ground_truth(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("phantom") / "labels.nii.gz"
    write_labels(path, phantom.labels, phantom.volume.geometry)
    return path


@pytest.fixture(scope="session")
def phantom_dicom(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the phantom as a DICOM series."""
    return write_series(tmp_path_factory.mktemp("phantom") / "series", phantom.volume)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 32 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mount.returncode:
        pytest.skip("this user may not mount a small file system")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.fixture(scope="session")
def cascade() -> Cascade:
    return Cascade.load("cpu")


def _there(folder: Path, otherwise: str) -> Path:
    if not folder.is_dir():
        pytest.skip(otherwise)
    return folder
