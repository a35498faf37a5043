"""The patients that confidence is calibrated on, made from the organ maps and bodies of a training store."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from flareseg.core.errors import DataError, NoAbdomenError
from flareseg.core.volume import Volume
from flareseg.inference.cascade import Cascade, Segmentation
from flareseg.inference.weights import shipped_folder
from flareseg.phantom import Phantom
from flareseg.training.store import Store
from flareseg.training.synthesis.config import ViewConfig
from made_patient import tiny_config
from typer.testing import CliRunner

from accuracy.__main__ import app
from accuracy.mapped_patients import MappedPatients, uncalibrated


def test_each_patient_tells_expected_dice_and_dice_of_its_organs(store: Store, cascade: Cascade) -> None:
    patients = MappedPatients(store, "organs", "body", (48, 64, 64), tiny_config())
    first, second = patients.observed(cascade, 2)
    assert {each.group for each in first + second} == {"organs"}
    assert {each.organ for each in first} <= {"liver", "kidneys", "spleen", "pancreas"}
    liver = next(each for each in first if each.organ == "liver")
    assert 0.5 < liver.expected < 1
    assert 0.3 < liver.dice < 1
    assert [each.dice for each in first] != [each.dice for each in second]


def test_a_slab_is_a_low_scan_without_the_slices_that_continue_it(store: Store) -> None:
    config = tiny_config(view=ViewConfig(slab=1, slab_mm=(60, 60), nothing=0))
    seen: list[Volume] = []

    class Watching(Cascade):
        def segment(self, volume: Volume, *rest: object) -> Segmentation:
            seen.append(volume)
            raise NoAbdomenError("Nothing.", "")

    list(MappedPatients(store, "organs", "body", (48, 64, 64), config).observed(Watching.load("cpu"), 2))
    assert [volume.voxels.shape for volume in seen] == [(16, 64, 64)] * 2
    assert all(55 < volume.geometry.spacing[0] * 16 < 65 for volume in seen)


def test_patterns_that_fit_nothing_are_refused(store: Store, cascade: Cascade) -> None:
    with pytest.raises(DataError, match="has no body named phantom_"):
        list(MappedPatients(store, "organs", "phantom_*").observed(cascade, 2))


def test_expected_dice_is_that_of_weights_without_their_calibration(tmp_path: Path, phantom: Phantom) -> None:
    folder = Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    sha256 = manifest["weights"]["organs"]["sha256"]
    manifest["weights"]["organs"]["calibration"] = {"sha256": sha256, "organs": {"liver": [-2.0, 1.0]}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    stated, expected = (
        cascade.segment(phantom.volume).organs[0].confidence
        for cascade in (Cascade.load("cpu", folder), uncalibrated(folder, "cpu", "auto"))
    )
    assert expected == pytest.approx(1 / (1 + (1 - stated) / stated / 7.389), abs=1e-3)  # e**2 more likely


def test_a_store_without_the_maps_leaves_the_manifest_as_it_is(store_folder: Path, tmp_path: Path) -> None:
    weights = Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))
    before = (weights / "manifest.json").read_bytes()
    done = CliRunner().invoke(
        app, ["calibrate", str(store_folder), str(tmp_path / "out"), "--maps", "flare*", "--weights", str(weights)]
    )
    assert done.exit_code == 2
    assert "has no organs named flare*." in done.stderr
    assert (weights / "manifest.json").read_bytes() == before
