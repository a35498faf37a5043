"""Running time and GPU memory as the challenge counts them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from flareseg.core.errors import FlareError
from flareseg.core.report import DeviceFacts, MemoryFacts, Report, ScanFacts
from flareseg.evaluation.resources import Resources, area_under, peak_of, read_resources


def report(kind: str, memory: MemoryFacts) -> Report:
    scan = ScanFacts("scan", [10, 20, 30], [3.0, 1.0, 1.0], "LPS")
    return Report("1", scan, DeviceFacts(kind, "device", "float32"), [], [0.0] * 6, "network", [], 2.5, memory, [])


def test_the_peak_must_be_seen_in_more_than_2_percent_of_the_samples() -> None:
    assert peak_of([500.0] * 97 + [900.0] * 2 + [1000.0]) == 500.0  # two of 100 are not more than 2 %
    assert peak_of([500.0] * 97 + [900.0] * 3) == 900.0


def test_of_a_curve_that_never_repeats_itself_the_largest_counts() -> None:
    assert peak_of([float(mb) for mb in range(200)]) == 199.0


def test_the_area_is_the_sum_of_samples_a_tenth_of_a_second_apart() -> None:
    assert area_under([100.0, 200.0, 300.0]) == pytest.approx(60.0)


def test_a_file_of_the_challenges_own_code_is_understood(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"gpu_memory": [1000.0] * 50 + [2000.0], "time": 9.8}))
    found = read_resources(tmp_path / "a.json")
    assert (found.seconds, found.gpu_mb) == (9.8, 1000.0)
    assert found.gpu_mb_s == pytest.approx(5200.0)


def test_without_a_time_the_samples_tell_it(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"gpu_memory": [10.0] * 30}))
    assert read_resources(tmp_path / "a.json").seconds == pytest.approx(3.0)


def test_a_report_of_a_gpu_gives_the_whole_devices_peak_in_the_challenges_unit(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(report("cuda", MemoryFacts(900.0, 300.0, 1048.576)).dumps())
    assert read_resources(tmp_path / "a.json") == Resources(2.5, pytest.approx(1000.0), None)


def test_a_report_of_a_cpu_counts_no_gpu_memory(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(report("cpu", MemoryFacts(900.0)).dumps())
    assert read_resources(tmp_path / "a.json") == Resources(2.5, 0.0, 0.0)


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        "{}",
        "3",
        '{"schema_version": 3}',
        '{"gpu_memory": ["x"]}',
        '{"gpu_memory": [NaN]}',
        '{"gpu_memory": [-5]}',
        '{"gpu_memory": [1], "time": Infinity}',
        '{"gpu_memory": [1], "time": "long"}',
        '{"gpu_memory": [1], "time": 1' + "0" * 400 + "}",
        '{"gpu_memory": ' + "[" * 100_000,
        report("cpu", MemoryFacts(900.0)).dumps().replace("2.5", '"soon"'),
    ],
    ids=range(13),
)
def test_another_file_is_a_message(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(FlareError, match=r"a\.json is not a valid report"):
        read_resources(tmp_path / "a.json")
