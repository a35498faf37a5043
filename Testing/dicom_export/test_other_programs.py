"""Labels of another program (Slicer) on the volume it loaded from a series, handed to ``flareseg.dicom_export``."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.errors import ScanError
from flareseg.core.geometry import Geometry
from flareseg.dicom_export.matching import matched
from flareseg.io.reading import read_volume
from pydicom import dcmread
from series import SERIES, WEIGHTS, facts_of, frames_of, some_labels

PROGRAM = [sys.executable, "-m", "flareseg.dicom_export"]


def files_in(scan: Path) -> list[Path]:
    """In an order that says nothing."""
    return sorted([scan] if scan.is_file() else scan.iterdir(), key=lambda path: path.name[::-1])


def flipped(labels: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, Geometry]:
    """The same voxels with the slices in the other order."""
    k = np.array(geometry.direction[0])
    origin = np.array(geometry.origin) + (geometry.shape[0] - 1) * geometry.spacing[0] * k
    direction = (tuple((-k).tolist()), *geometry.direction[1:])
    return labels[::-1], replace(geometry, direction=direction, origin=tuple(origin.tolist()))


@pytest.mark.parametrize("kind", list(SERIES))
def test_labels_come_in_the_order_of_the_images(kind: str, tmp_path: Path) -> None:
    scan = SERIES[kind](tmp_path / "series")
    volume = read_volume(scan)
    labels, upright = some_labels(volume.geometry), replace(volume.geometry, tilt=(0.0, 0.0))
    for given, geometry in ((labels, upright), flipped(labels, upright)):
        source, ordered = matched(files_in(scan), given, geometry)
        np.testing.assert_array_equal(ordered, labels)
        assert [(plane.header.path, plane.frame) for plane in source.planes] == volume.dicom_slices


def test_a_tilted_series_may_have_the_way_between_its_slices_as_spacing(tmp_path: Path) -> None:
    """As ITK gives it: slices of 5 mm, each 2 mm further back."""
    scan = SERIES["tilted gantry"](tmp_path / "series")
    geometry = read_volume(scan).geometry
    given = replace(geometry, tilt=(0.0, 0.0), spacing=(29**0.5, *geometry.spacing[1:]))
    source, _labels = matched(files_in(scan), some_labels(geometry), given)
    assert len(source.planes) == 24


@pytest.mark.parametrize(
    "change",
    [
        {"origin": (-49.0, -60.0, -70.0)},
        {"spacing": (5.0, 1.6, 1.5)},
        {"shape": (24, 20, 15)},
    ],
)
def test_a_volume_that_was_moved_resampled_or_cropped_is_refused(change: dict[str, tuple], tmp_path: Path) -> None:
    scan = SERIES["axial"](tmp_path / "series")
    geometry = replace(read_volume(scan).geometry, **change)
    with pytest.raises(ScanError, match="not those of its DICOM series"):
        matched(files_in(scan), np.zeros(geometry.shape, np.uint8), geometry)


@pytest.fixture
def job(tmp_path: Path) -> dict[str, object]:
    scan = SERIES["axial"](tmp_path / "series")
    volume = read_volume(scan)
    labels = some_labels(volume.geometry)
    np.save(tmp_path / "labels.npy", labels)
    (tmp_path / "out").mkdir()
    return {
        "files": [str(path) for path in files_in(scan)],
        "labels": str(tmp_path / "labels.npy"),
        "geometry": volume.geometry.to_json(),
        "organs": [asdict(facts) for facts in facts_of(labels, volume.voxels, volume.geometry)],
        "weights": [asdict(weights) for weights in WEIGHTS],
        "segmentation": str(tmp_path / "out" / "organs.dcm"),
        "report": str(tmp_path / "out" / "report.dcm"),
        "edited": ["Spleen"],
    }


def answer(job: dict[str, object]) -> dict[str, object]:
    """Of a process whose stdin stays open, as Slicer's does."""
    with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        said: dict[str, object] = json.loads(process.stdout.readline())
        assert process.wait(60) == 0
        return said


def test_the_process_writes_both_files_and_names_them(job: dict[str, object], tmp_path: Path) -> None:
    assert answer(job) == {"written": [job["segmentation"], job["report"]], "warnings": []}
    made = dcmread(tmp_path / "out" / "organs.dcm")
    kinds = {segment.SegmentLabel: segment.SegmentAlgorithmType for segment in made.SegmentSequence}
    assert (kinds["Spleen"], kinds["Liver"]) == ("SEMIAUTOMATIC", "AUTOMATIC")
    assert frames_of(made).sum() == np.count_nonzero(np.load(tmp_path / "labels.npy"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["organs.dcm", "report.dcm"]


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"files": []}, "bad_scan"),
        ({"segmentation": "missing/organs.dcm"}, "write"),
        ({"labels": "missing.npy"}, "internal"),
    ],
)
def test_a_failure_is_told_with_its_kind(change: dict[str, object], kind: str, job: dict[str, object]) -> None:
    said = answer({**job, **change})
    assert said["kind"] == kind
    assert said["message"]


def test_neither_answer_nor_log_repeats_the_text_of_an_exception(job: dict[str, object]) -> None:
    """Which may hold an attribute of the patient; here a KeyError of an organ's name."""
    job["organs"] = [{"label": 1, "name": "Mustermann", "voxels": 9, "volume_ml": 1.5}]
    with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdin.write(json.dumps(job).encode() + b"\n")
        process.stdin.flush()
        said, log = process.stdout.readline(), process.stderr.read()
    assert json.loads(said)["kind"] == "internal"
    assert (b"organ_named" in log, b"Mustermann" in said + log) == (True, False)


def test_the_process_ends_with_its_caller_and_leaves_no_unfinished_file(job: dict[str, object], tmp_path: Path) -> None:
    """Also when it has begun."""
    with subprocess.Popen(PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.communicate(json.dumps(job).encode() + b"\n", timeout=60)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
