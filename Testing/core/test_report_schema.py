"""The published schema of the report: docs/report.schema.json, written by scripts/report_schema.py."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from flareseg.core.report import STAGES
from pydantic import ValidationError

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "docs" / "report.schema.json").read_text(encoding="utf-8"))
CLASSES = [SCHEMA, *SCHEMA["$defs"].values()]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(ROOT / "scripts")
    import report_schema

    return report_schema


@pytest.fixture(scope="module")
def report(phantom_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a run of the command."""
    folder = tmp_path_factory.mktemp("run")
    command = [sys.executable, "-m", "flareseg", "segment", phantom_file, "-o", folder / "organs.nii.gz"]
    subprocess.run([*command, "--report", folder / "report.json"], check=True)
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def fields() -> Iterator[tuple[str, dict[str, Any]]]:
    for each in CLASSES:
        yield from ((f"{each['title']}.{name}", field) for name, field in each["properties"].items())


def test_the_file_is_that_of_the_code(script: ModuleType) -> None:
    assert script.schema() == SCHEMA, "Run: python scripts/report_schema.py"


def test_the_report_of_a_run_is_valid(report: dict[str, Any], script: ModuleType) -> None:
    [valid] = script.REPORTS.validate_json(json.dumps([report]))
    assert valid.to_json() == report


def test_a_report_holds_exactly_the_fields_of_the_schema(report: dict[str, Any]) -> None:
    assert SCHEMA["additionalProperties"] is False
    assert set(report) == set(SCHEMA["properties"]) == set(SCHEMA["required"])
    assert set(report["organs"][0]) == set(SCHEMA["$defs"]["OrganFacts"]["properties"])


@pytest.mark.parametrize(
    "changed",
    [{"schema_version": 1}, {"roi_source": "a guess"}, {"total_seconds": "12"}, {"memory": None}, {"colour": "red"}],
    ids=str,
)
def test_what_does_not_follow_the_schema_is_not_valid(
    changed: dict[str, Any], report: dict[str, Any], script: ModuleType
) -> None:
    with pytest.raises(ValidationError):
        script.REPORTS.validate_json(json.dumps([{**report, **changed}]))


@pytest.mark.parametrize(("name", "field"), list(fields()))
def test_each_field_has_a_description(name: str, field: dict[str, Any]) -> None:
    described = (
        field["description"]
        if "description" in field
        else SCHEMA["$defs"][field["$ref"].rpartition("/")[2]]["description"]
    )
    assert described.endswith(".")


@pytest.mark.parametrize(
    ("ending", "unit"), [("seconds", " s"), ("_mb", " MB"), ("_ml", " mL"), ("_hu", " HU"), ("spacing", " mm")]
)
def test_each_measured_field_names_its_unit(ending: str, unit: str) -> None:
    measured = [field["description"] for name, field in fields() if name.endswith(ending)]
    assert measured
    assert all(unit in description for description in measured)


def test_the_stages_are_named() -> None:
    description = SCHEMA["$defs"]["StageTime"]["properties"]["name"]["description"]
    assert all(stage in description for stage in STAGES)
