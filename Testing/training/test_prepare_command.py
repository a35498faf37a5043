"""flareseg prepare on the command line, and the label maps that lie beside a developer's checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from flareseg.cli.prepare import prepare
from flareseg.training.store import Kind, Store
from typer.testing import CliRunner, Result

BANKS = Path(__file__).resolve().parents[3] / "shared" / "data" / "label_maps"


def flareseg_prepare(*words: object, columns: int = 200) -> Result:
    app = typer.Typer()
    app.command()(prepare)
    return CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": str(columns)})


def test_one_command_prepares_flare21(flare21: Path, tmp_path: Path) -> None:
    result = flareseg_prepare(flare21, tmp_path / "store", "--spacing", 6)
    assert result.exit_code == 0, result.output
    assert "train_000" in result.output and "2 added" in result.output
    assert [case.name for case in Store.open(tmp_path / "store")] == ["train_000", "train_001"]


def test_words_hold_for_all_cases(flare21: Path, tmp_path: Path) -> None:
    words = ("--source", "Ours", "--licence", "CC0", "--name-prefix", "a_", "--as", "organs", "--spacing", 6)
    flareseg_prepare(flare21, tmp_path / "store", *words)
    facts = list(Store.open(tmp_path / "store"))
    assert [case.name for case in facts] == ["a_train_000", "a_train_001"]
    assert {(case.kind, case.source, case.licence) for case in facts} == {(Kind.ORGANS, "Ours", "CC0")}


def test_a_refused_case_is_listed_and_the_exit_code_says_so(flare21: Path, tmp_path: Path) -> None:
    (flare21 / "TrainingMask" / "train_001.nii.gz").unlink()
    result = flareseg_prepare(flare21, tmp_path / "store", "--spacing", 6)
    assert result.exit_code == 1
    assert "refused: This CT has no label map." in result.output
    assert "1 added, 1 refused" in result.output
    assert len(Store.open(tmp_path / "store")) == 1


def test_a_long_name_and_its_reason_are_folded_on_a_narrow_terminal_and_never_cut(
    flare21: Path, tmp_path: Path
) -> None:
    (flare21 / "TrainingMask" / "train_001.nii.gz").unlink()
    prefix = "a_data_set_with_a_very_long_name_"
    result = flareseg_prepare(flare21, tmp_path / "store", "--name-prefix", prefix, "--spacing", 6, columns=80)
    table, _ = result.stdout.rsplit("\n1 added", 1)
    lines = table.splitlines()
    names = "".join(line.split("  ")[0].strip() for line in lines[2:])
    assert max(map(len, lines)) <= 80 and "…" not in table
    assert names == f"{prefix}train_000{prefix}train_001"
    assert "refused: This CT has no label map." in " ".join(line[60:].strip() for line in lines)


def test_a_source_that_cannot_be_used_ends_with_2(tmp_path: Path) -> None:
    assert flareseg_prepare(tmp_path, tmp_path / "store").exit_code == 2


def test_a_map_that_leaves_the_source_ends_with_2_and_makes_no_store(tmp_path: Path) -> None:
    (tmp_path / "map.yaml").write_text('labels: "/data/{name}.nii.gz"\nvalues: {1: liver}\n')
    (tmp_path / "data").mkdir()
    result = flareseg_prepare(tmp_path / "data", tmp_path / "store", "--map", tmp_path / "map.yaml")
    assert (result.exit_code, "must lie below the source" in result.stderr) == (2, True), result.output
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize("spacing", ["0", "-1", "nan", "inf"])
def test_a_spacing_that_makes_no_sense_ends_with_2(spacing: str, tmp_path: Path) -> None:
    result = flareseg_prepare("phantom:1", tmp_path / "store", "--spacing", spacing)
    assert (result.exit_code, "Give 0.1 to 20 mm" in result.stderr) == (2, True), result.output


@pytest.mark.parametrize(
    ("bank", "map_name", "kind", "count"),
    [
        ("targets.npz", "targets", Kind.ORGANS, 39),
        ("targets_flare22.npz", "flare22", Kind.ORGANS, 50),
        ("backbones.npz", "backbones", Kind.BODY, 5),
    ],
)
def test_the_shared_label_maps_are_prepared_with_the_maps_that_ship(
    bank: str, map_name: str, kind: Kind, count: int, tmp_path: Path
) -> None:
    if not BANKS.is_dir():
        pytest.skip("the label maps are not beside this checkout (../shared/data/label_maps)")
    result = flareseg_prepare(BANKS / bank, tmp_path / "store", "--map", map_name)
    assert result.exit_code == 0, result.output
    cases = list(Store.open(tmp_path / "store"))
    assert len(cases) == count and {case.kind for case in cases} == {kind}
    assert all(case.source and case.licence != "not stated" for case in cases)
    kidneys = ["left_kidney", "right_kidney"]
    assert [case.name for case in cases if case.untrusted == kidneys] == [
        name for name in ("btcv0008", "pants35") if map_name == "targets"
    ]
    assert {case.name for case in cases if case.bare} == ({"body_s0327", "body_s0328"} if kind is Kind.BODY else set())
