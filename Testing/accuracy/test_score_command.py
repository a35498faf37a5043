"""python -m accuracy score: two synthetic patients and a labelled CT, from nothing to tables and pages."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from flareseg.core.organs import ORGAN_NAMES
from flareseg.inference.manifest import read_manifest
from flareseg.inference.weights import shipped_folder
from flareseg.io.writing import write_labels, write_scan
from flareseg.phantom import Phantom
from typer.testing import CliRunner, Result

from accuracy.__main__ import app
from accuracy.results import Accuracy, read_figures

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def cts(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled scan, one without labels, and a labelled one that is not a CT of the abdomen."""
    folder = tmp_path_factory.mktemp("cts")
    for name in ("good", "unlabelled", "air"):
        (folder / name).mkdir()
        write_scan(folder / name / "ct.nii.gz", phantom.volume)
    for name in ("good", "air"):
        write_labels(folder / name / "label.nii.gz", phantom.labels, phantom.volume.geometry)
    (folder / "air" / "ct.nii.gz").write_bytes(b"not an image")
    return folder


@pytest.fixture(scope="module")
def scored_cts(cts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("accuracy")
    done = run("score", out, "--cts", cts, "--patients", "0", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert "air could not be segmented: " in done.stderr
    return out


@pytest.fixture(scope="module")
def scored_patients(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("accuracy")
    done = run("score", out, "--patients", "2", "--device", "cpu", "--no-html")
    assert done.exit_code == 0, done.output
    return out


def rows(path: Path) -> Sequence[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_case_has_dice_nsd_and_confidence_of_each_organ(scored_cts: Path, scored_patients: Path) -> None:
    cts, patients = (read_figures(Accuracy, out / "accuracy.json") for out in (scored_cts, scored_patients))
    assert [case.name for case in cts.cts] == ["air", "good"]
    assert [case.name for case in patients.synthetic] == ["synthetic_00", "synthetic_01"]
    for case in (cts.cts[1], *patients.synthetic):
        assert len(case.organs) == 4
        assert all(organ.dice > 0.7 and organ.nsd > 0.4 and organ.confidence > 0.5 for organ in case.organs), case


def test_a_scan_that_fails_scores_0(scored_cts: Path) -> None:
    failed = read_figures(Accuracy, scored_cts / "accuracy.json").cts[0]
    assert [(organ.dice, organ.nsd, organ.confidence) for organ in failed.organs] == [(0.0, 0.0, None)] * 4
    assert not (scored_cts / "cts" / "predictions" / "air.nii.gz").exists()


def test_the_figures_name_the_weights_and_their_schema(scored_patients: Path) -> None:
    data = json.loads((scored_patients / "accuracy.json").read_text(encoding="utf-8"))
    weights = read_manifest(shipped_folder())["weights"]
    assert data["weights"] == [weights["abdomen"]["sha256"], weights["organs"]["sha256"]]
    assert data["schema_version"] == 1


def test_each_group_has_the_files_of_an_evaluation(scored_cts: Path, scored_patients: Path) -> None:
    for folder, case in ((scored_cts / "cts", "good"), (scored_patients / "synthetic", "synthetic_01")):
        assert len(rows(folder / "scores.csv")) == 8
        assert float(rows(folder / "cases.csv")[1]["seconds"]) > 0
        assert (folder / "predictions" / f"{case}.nii.gz").is_file()
        assert (folder / "reports" / f"{case}.json").is_file()


def test_a_case_has_a_page_with_pictures(scored_cts: Path, scored_patients: Path) -> None:
    report = scored_cts / "cts" / "report"
    page = (report / "cases" / "good.html").read_text(encoding="utf-8")
    assert all(f"../pictures/good-{name}.png" in page for name in ORGAN_NAMES)
    assert (report / "pictures" / "good-pancreas.png").is_file()
    assert not (scored_patients / "synthetic" / "report").exists()


def test_the_page_compares_with_published_figures_and_links_the_reports(
    scored_cts: Path, scored_patients: Path
) -> None:
    cts, patients = ((out / "accuracy.md").read_text(encoding="utf-8") for out in (scored_cts, scored_patients))
    assert "| fosun_aitrox (published) | 95.4/80 | 93.6/83 | 94.2/87 | 75.3/61 | 89.7/78 |" in cts
    assert "| air | 0.0/0 | 0.0/0 | 0.0/0 | 0.0/0 | 0.0/0 |" in cts
    assert "](cts/report/index.html)" in cts
    assert "| 2 synthetic patients, mean | " in patients
    assert "report/index.html" not in patients


def test_nothing_to_score_is_refused(tmp_path: Path) -> None:
    done = run("score", tmp_path, "--patients", "0")
    assert done.exit_code == 2
    assert "There is nothing to score." in done.stderr


@pytest.mark.parametrize(("given", "told"), [([], "build/accuracy \n"), (["CTS=some folder"], '--cts "some folder"')])
def test_make_accuracy_runs_the_command(given: list[str], told: str) -> None:
    command = ["make", "--directory", str(ROOT), "--no-print-directory", "--dry-run", "accuracy", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "/python -m accuracy score build/accuracy" in done
    assert told in done
