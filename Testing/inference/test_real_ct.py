"""The shipped weights on real CT, against the published figures, and on synthetic CT against floors."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from flareseg.core.volume import Volume
from flareseg.evaluation.label_maps import read_label_map
from flareseg.evaluation.scores import score_labels
from flareseg.evaluation.selection import OrganSelection
from flareseg.evaluation.surface import tolerances_named
from flareseg.inference.cascade import Cascade
from flareseg.inference.options import Borders, SegmentationOptions
from flareseg.io.reading import read_volume

LABELS = {"spl_abdomen": "label.nii.gz", "totalsegmentator_example": "label_model.nii.gz"}
PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "accuracy.json"


@cache
def scores(folder: Path, options: SegmentationOptions) -> np.ndarray:
    """DSC and NSD at 1 mm in percent, (organs, 2)."""
    scan = read_volume(folder / "ct.nii.gz")
    found = Cascade.load("cpu").segment(scan, options).labels
    prediction, truth = Volume(found, scan.geometry).canonical, read_label_map(folder / LABELS[folder.name]).canonical
    scored = score_labels(prediction, truth, tolerances_named("flare21"), OrganSelection())
    return np.array([(100 * each.dice, 100 * each.nsd) for each in scored])


@pytest.mark.parametrize("case", LABELS)
def test_a_real_ct_scores_as_published(case: str, real_ct: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Processors round otherwise: half a point. A greater change of the engine or the weights is published anew."""
    (published,) = (each for each in json.loads(PUBLISHED.read_text())["cts"] if each["name"] == case)
    expected = np.array([(100 * organ["dice"], 100 * organ["nsd"]) for organ in published["organs"]])
    found = scores(real_ct / case, SegmentationOptions())
    with capsys.disabled():
        print(f"\n{case}: " + ", ".join(f"{dice:.1f}/{nsd:.1f} %" for dice, nsd in found))
    np.testing.assert_allclose(found, expected, atol=0.5)


@pytest.mark.parametrize("case", LABELS)
def test_hu_gate_and_guided_borders_harm_no_organ_and_help_the_borders(case: str, real_ct: Path) -> None:
    plain = scores(real_ct / case, SegmentationOptions(borders=Borders.PLAIN, hu_gate=False))
    gain = scores(real_ct / case, SegmentationOptions()) - plain
    assert (gain[:, 0] > -0.2).all()
    assert (gain[:, 1] > -0.6).all()
    assert gain[:, 1].mean() > 1.0


@pytest.mark.parametrize("seed", ["0", "1"])
def test_a_full_size_phantom_reaches_85_percent_and_82_in_the_pancreas(
    seed: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [sys.executable, "-m", "flareseg"]
    subprocess.run([*command, "phantom", tmp_path, "--seed", seed], check=True, timeout=240)
    options = [
        "-o",
        tmp_path / "organs.seg.nrrd",
        "--ground-truth",
        tmp_path / "labels.nii.gz",
        "--report",
        tmp_path / "r.json",
    ]
    subprocess.run([*command, "segment", tmp_path / "ct.nii.gz", *options], check=True, timeout=240)
    dice = {organ["name"]: organ["dice"] for organ in json.loads((tmp_path / "r.json").read_text())["organs"]}
    with capsys.disabled():
        print(f"\nphantom {seed}: Dice " + ", ".join(f"{name} {100 * score:.1f} %" for name, score in dice.items()))
    assert min(dice[name] for name in ("Liver", "Kidneys", "Spleen")) >= 0.85, dice
    assert dice["Pancreas"] >= 0.82, dice
