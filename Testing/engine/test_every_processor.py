"""The command and the worker as other processors run them: instruction sets and threads set by the environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from flareseg import events
from flareseg.phantom import Phantom
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
def exact(phantom: Phantom, phantom_file: Path, tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """Labels in float32, by the command."""
    return segmented(phantom_file, tmp_path_factory.mktemp("exact"), "--precision", "float32")[0]


def segmented(scan: Path, folder: Path, *options: str) -> tuple[np.ndarray, str]:
    """The label map that the command writes in a process of its own, and the precision of its report."""
    command = [sys.executable, "-m", "flareseg", "segment", str(scan), "-o", str(folder / "organs.nrrd")]
    command += ["--report", str(folder / "report.json"), "--device", "cpu", *options]
    environment = {**os.environ, "PYTHONPATH": str(MODULE)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
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
        result = running.wait_for(events.Result)
    assert (np.load(result.labels, allow_pickle=False) == exact).mean() > 0.999


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_a_precision_that_the_processor_would_not_choose_gives_the_labels_of_float32(
    precision: str, phantom_file: Path, exact: np.ndarray, tmp_path: Path
) -> None:
    labels, ran = segmented(phantom_file, tmp_path, "--precision", precision)
    assert ran == precision
    assert (labels == exact).mean() > 0.999
