"""What the system refuses: places, space, devices, weights. Each in a real process."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
import torch
from command import flareseg
from flareseg.cli.console import BAD_INPUT
from flareseg.inference.weights import shipped_folder

# root may read and write anything; without these capabilities it is an ordinary person
AS_ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]

needs_setpriv = pytest.mark.skipif(
    os.geteuid() == 0 and not shutil.which("setpriv"), reason="root without setpriv may read and write anything"
)


def ordinary() -> list[str]:
    return AS_ORDINARY if os.geteuid() == 0 else []


@needs_setpriv
def test_a_scan_that_may_not_be_read(phantom_file: Path, tmp_path: Path) -> None:
    scan = Path(shutil.copy(phantom_file, tmp_path / "scan.nii.gz"))
    scan.chmod(0)
    done = flareseg("segment", scan, "-o", tmp_path / "out.nii.gz", through=ordinary())
    assert done.returncode == BAD_INPUT
    assert "cannot be read: Permission denied" in done.stderr


@needs_setpriv
def test_a_folder_that_may_not_be_written(phantom_file: Path, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    done = flareseg("segment", phantom_file, "-o", closed / "out.nii.gz", through=ordinary())
    assert done.returncode == BAD_INPUT
    assert "cannot be written: Permission denied" in done.stderr


def test_a_target_inside_a_file(phantom_file: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = flareseg("segment", phantom_file, "-o", tmp_path / "file" / "out.nii.gz")
    assert done.returncode == BAD_INPUT
    assert "is a file, not a folder" in done.stderr


@pytest.mark.parametrize("name", ["out.nii.gz", "out.nii", "out.nrrd", "out.mha", "out.seg.nrrd"])
def test_a_full_disk(name: str, phantom_file: Path, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(28_000))
    done = flareseg("segment", phantom_file, "-o", small_disk / name)
    assert done.returncode == BAD_INPUT
    assert "cannot be written" in done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in small_disk.iterdir()] == ["other"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has a GPU")
def test_a_gpu_where_there_is_none(phantom_file: Path, tmp_path: Path) -> None:
    done = flareseg("segment", phantom_file, "-o", tmp_path / "out.nii.gz", "--device", "cuda")
    assert done.returncode == BAD_INPUT
    assert "no CUDA GPU" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("spoil", "message"), [("cut", "damaged"), ("remove", "cannot be read")])
def test_corrupt_or_missing_weights(spoil: str, message: str, phantom_file: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))
    network = weights / "dense_vnet.safetensors"
    if spoil == "cut":
        network.write_bytes(network.read_bytes()[:-100])
    else:
        network.unlink()
    done = flareseg("segment", phantom_file, "-o", tmp_path / "out.nii.gz", "--weights", weights)
    assert done.returncode == BAD_INPUT
    assert message in done.stderr
    assert not (tmp_path / "out.nii.gz").exists()
