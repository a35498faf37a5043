"""The report and its JSON schema."""

import json

import pytest
from flareseg.core.report import SCHEMA_VERSION, STAGES, Report
from flareseg.core.run import Run
from flareseg.inference.cascade import Cascade
from flareseg.inference.pipeline import segment_scan
from flareseg.phantom import Phantom


@pytest.fixture(scope="module")
def report(cascade: Cascade, phantom: Phantom) -> Report:
    with Run() as run:
        return segment_scan(cascade, lambda: phantom.volume, lambda found, geometry: None, run).report


def test_a_report_survives_the_round_trip_through_json(report: Report) -> None:
    assert Report.from_json(json.loads(report.dumps())) == report


def test_a_report_of_another_schema_is_refused(report: Report) -> None:
    with pytest.raises(ValueError, match="schema 99"):
        Report.from_json({**report.to_json(), "schema_version": 99})


def test_the_fields_of_schema_2_are_these(report: Report) -> None:
    """A change here breaks those who read reports: raise SCHEMA_VERSION with it."""
    assert SCHEMA_VERSION == 2
    assert set(report.to_json()) == {
        *("version", "scan", "device", "weights", "roi", "roi_source", "stages", "total_seconds"),
        *("memory", "organs", "borders", "hu_gate", "warnings", "schema_version"),
    }


def test_every_stage_of_a_run_is_reported_by_its_key(report: Report) -> None:
    stages = [stage.name for stage in report.stages]
    assert stages == ["read", "find_abdomen", "crop", "segment", "put_back", "clean_up", "write"]
    assert set(stages) < set(STAGES)


def test_the_stages_make_up_the_total(report: Report) -> None:
    stages = sum(stage.seconds for stage in report.stages)
    assert 0.9 * report.total_seconds < stages <= report.total_seconds


def test_device_weights_memory_and_organs_are_named(report: Report) -> None:
    assert report.device.kind == "cpu"
    assert report.device.dtype in ("float32", "bfloat16")
    assert [weights.name for weights in report.weights] == ["roi_unet.safetensors", "dense_vnet.safetensors"]
    assert report.memory.peak_ram_mb > 50
    assert report.memory.peak_gpu_allocated_mb is None
    assert [organ.name for organ in report.organs] == ["Liver", "Kidneys", "Spleen", "Pancreas"]
