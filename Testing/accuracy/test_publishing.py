"""README and model card show the figures of docs/accuracy.json, and those are of the shipped weights."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from flareseg.core.errors import DataError
from flareseg.core.organs import ORGAN_NAMES
from flareseg.inference.calibration import Calibration
from flareseg.inference.manifest import read_manifest
from flareseg.inference.weights import load_network, shipped_folder
from PIL import Image

from accuracy.publishing import blocks, publish, with_block, worst_cts, write_calibration
from accuracy.reliability import ALLOWED, agreement
from accuracy.results import Accuracy, CaseFigures, ConfidencePair, OrganFigures, read_figures

ROOT = Path(__file__).resolve().parents[2]
AGAIN = "run python -m accuracy score, calibrate and publish again (docs/evaluation.md)"


@pytest.fixture
def published() -> Accuracy:
    return read_figures(Accuracy, ROOT / "docs" / "accuracy.json")


def test_the_pages_show_the_published_figures(published: Accuracy) -> None:
    for (page, name), text in blocks(published).items():
        shown = (ROOT / page).read_text(encoding="utf-8")
        assert with_block(shown, name, text) == shown, f"{page}, block {name}: {AGAIN}"


def test_the_published_figures_are_of_the_shipped_weights(published: Accuracy) -> None:
    weights = read_manifest(shipped_folder())["weights"]
    assert published.weights == [weights["abdomen"]["sha256"], weights["organs"]["sha256"]], AGAIN


@pytest.mark.parametrize("organ", ORGAN_NAMES)
def test_confidence_and_dice_of_the_shipped_weights_agree_within_5_points(organ: str, published: Accuracy) -> None:
    own = [(pair.confidence, pair.dice) for pair in published.calibration if pair.organ == organ]
    assert len(own) >= 40
    assert agreement(own) < ALLOWED


def test_the_published_figures_are_complete(published: Accuracy) -> None:
    assert [case.name for case in published.cts] == ["spl_abdomen", "totalsegmentator_example"]
    assert len(published.synthetic) == 64
    assert len(published.calibration) > 150  # of 240: some of the 60 scans show no abdomen or a part of it
    assert (ROOT / "docs" / "pictures" / "reliability.png").is_file()


def figures(dice: float) -> CaseFigures:
    return CaseFigures("patient", [OrganFigures(dice, dice - 0.1, dice + 0.02)] * 4)


def test_publish_rewrites_the_blocks_and_nothing_else(published: Accuracy, tmp_path: Path) -> None:
    for page in ("README.md", "docs/model-card.md"):
        (tmp_path / page).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / page, tmp_path / page)
    (tmp_path / "docs" / "pictures").mkdir()
    pairs = [ConfidencePair("liver", 0.90, 0.95, 0.95), ConfidencePair("liver", 0.80, 0.90, 0.90)]
    for organ in ("liver", "kidneys", "spleen", "pancreas"):
        picture = tmp_path / "scores" / "cts" / "report" / "pictures" / f"patient-{organ}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40), "red" if organ == "pancreas" else "blue").save(picture)
    publish(replace(published, cts=[figures(0.9)], synthetic=[], calibration=pairs), tmp_path / "scores", tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "| patient | 90.0/80 | 90.0/80 | 90.0/80 | 90.0/80 |" in readme
    assert "SPL/NAC abdominal atlas |" not in readme
    before = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.split("<!-- accuracy -->")[0] == before.split("<!-- accuracy -->")[0]
    assert readme.split("<!-- /accuracy -->")[1] == before.split("<!-- /accuracy -->")[1]
    card = (tmp_path / "docs" / "model-card.md").read_text(encoding="utf-8")
    assert "| liver | 10.0 | 0.0 | 90/90, 95/95 |" in card
    assert "Spleen, patient: DSC/NSD 90.0/80 %\n\n![Spleen, patient](pictures/failures-spleen.png)" in card
    with Image.open(tmp_path / "docs" / "pictures" / "failures-pancreas.png") as copied:
        assert (copied.size, copied.convert("RGB").getpixel((30, 20))) == ((60, 40), (255, 0, 0))
    assert Image.open(tmp_path / "docs" / "pictures" / "reliability.png").width > 1000
    assert read_figures(Accuracy, tmp_path / "docs" / "accuracy.json").cts == [figures(0.9)]


def test_scores_without_pictures_are_refused(published: Accuracy, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"patient-liver\.png does not exist"):
        publish(replace(published, cts=[figures(0.9)]), tmp_path, tmp_path)


def test_an_organ_is_shown_where_its_dice_is_lowest(published: Accuracy) -> None:
    better, worse = (
        figures(0.9),
        CaseFigures("worse", [OrganFigures(dice, 0.5, 0.9) for dice in (0.8, 0.95, 0.7, None)]),
    )
    shown = worst_cts(replace(published, cts=[better, worse]))
    assert {organ: case.name for organ, case in shown.items()} == {
        "liver": "worse",
        "kidneys": "patient",
        "spleen": "worse",
        "pancreas": "patient",
    }


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(DataError, match="has no block between <!-- accuracy --> and <!-- /accuracy -->"):
        with_block("# A page\n", "accuracy", "table")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_folder(), tmp_path / "weights"))


def test_the_calibration_is_put_into_the_manifest_and_replaced_there(weights: Path) -> None:
    before = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    for offset in (-0.25, 0.5):
        write_calibration(weights, {"pancreas": Calibration(offset, 1.5)}, "two patients")
        assert load_network("organs", 5, weights).calibration == {4: Calibration(offset, 1.5)}
    after = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    assert after["weights"]["organs"].pop("calibration")["fitted_on"] == "two patients"
    before["weights"]["organs"].pop("calibration", None)
    assert after == before


def test_weights_without_a_calibration_get_one(weights: Path) -> None:
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    manifest["weights"]["organs"].pop("calibration", None)
    (weights / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")
    write_calibration(weights, {"liver": Calibration(0.1, 1.1)}, "patients")
    assert load_network("organs", 5, weights).calibration == {1: Calibration(0.1, 1.1)}
