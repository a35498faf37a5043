"""The command and the worker as other processors run them: instruction sets and threads set by the environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg.inference.cascade import Cascade
from flareseg.inference.manifest import read_manifest
from flareseg.inference.weights import shipped_folder
from flareseg.phantom import Phantom
from flareseg.worker import events
from worker_process import MODULE, job_for, worker

PROCESSORS = {
    "SSE 4.1": {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX-512": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "as it is": {},
    "no vector instructions": {"ATEN_CPU_CAPABILITY": "default"},
    "one thread": {"OMP_NUM_THREADS": "1"},
    "eight threads": {"OMP_NUM_THREADS": "8"},
}
VARIABLES = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "OMP_NUM_THREADS", "FLARESEG_PRECISION")


@pytest.fixture(params=PROCESSORS.values(), ids=PROCESSORS.keys())
def processor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The environment of a processor, for this process's children."""
    for variable in VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    for variable, value in request.param.items():
        monkeypatch.setenv(variable, value)
    return dict(request.param)


@pytest.fixture(scope="session")
def exact(phantom: Phantom) -> np.ndarray:
    """Labels in float32."""
    return Cascade.load("cpu", precision="float32").segment(phantom.volume).labels


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped weights on grids of an eighth of the voxels, for precisions that have to be emulated."""
    folder = tmp_path_factory.mktemp("small")
    manifest = read_manifest(shipped_folder())
    for entry, grid in zip(manifest["weights"].values(), ([48, 48, 48], [48, 64, 96])):
        shutil.copy(shipped_folder() / entry["file"], folder)
        entry["grid"] = grid
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def segmented(scan: Path, folder: Path, *options: str) -> tuple[np.ndarray, str]:
    """The label map that the command writes in a process of its own, and the precision of its report."""
    command = [sys.executable, "-m", "flareseg", "segment", str(scan), "-o", str(folder / "organs.nrrd")]
    command += ["--report", str(folder / "report.json"), "--device", "cpu", *options]
    environment = {**os.environ, "PYTHONPATH": str(MODULE)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    precision = json.loads((folder / "report.json").read_text(encoding="utf-8"))["device"]["dtype"]
    return sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "organs.nrrd"))), precision


def test_the_command_gives_the_labels_of_float32(
    processor: dict[str, str], phantom_file: Path, exact: np.ndarray, tmp_path: Path
) -> None:
    labels, precision = segmented(phantom_file, tmp_path)
    assert (labels == exact).mean() > 0.999
    assert set(np.unique(labels)) == {0, 1, 2, 3, 4}
    if "ONEDNN_MAX_CPU_ISA" in processor:
        assert precision == "float32"


def test_the_worker_gives_the_labels_of_float32(
    processor: dict[str, str], phantom: Phantom, exact: np.ndarray, tmp_path: Path
) -> None:
    with worker() as running:
        running.send(job_for(phantom.volume, tmp_path))
        result = running.wait_for(events.JobResult)
    assert (np.load(result.labels, allow_pickle=False) == exact).mean() > 0.999


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_precision_that_the_processor_would_not_choose_gives_the_labels_of_float32(
    precision: str, phantom: Phantom, phantom_file: Path, small: Path, tmp_path: Path
) -> None:
    labels, ran = segmented(phantom_file, tmp_path, "--precision", precision, "--weights", str(small))
    expected = Cascade.load("cpu", small, precision="float32").segment(phantom.volume).labels
    assert ran == precision
    assert (labels == expected).mean() > 0.999
    assert expected.any()
