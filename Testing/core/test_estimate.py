"""What a scan is expected to cost."""

from __future__ import annotations

import pytest
from flareseg.core.estimate import estimate, slowness
from flareseg.core.geometry import Geometry
from flareseg.core.run import Run
from flareseg.inference.cascade import Cascade
from flareseg.inference.pipeline import segment_scan
from flareseg.phantom import Phantom


def scan_of(slices: int) -> Geometry:
    return Geometry((slices, 512, 512), (2.5, 0.8, 0.8), ((0, 0, 1), (0, 1, 0), (1, 0, 0)), (0.0, 0.0, 0.0))


def test_more_slices_cost_more_time_and_memory_but_no_more_gpu_memory() -> None:
    few, many = (estimate(scan_of(slices), 2, "cuda") for slices in (80, 640))
    assert few.seconds < many.seconds
    assert few.ram_mb < many.ram_mb
    assert few.gpu_mb == many.gpu_mb > 0


def test_a_cpu_takes_no_gpu_memory() -> None:
    assert estimate(scan_of(160), 2, "cpu").gpu_mb == 0


def test_the_least_memory_is_that_of_engine_scan_and_segmentation() -> None:
    """42 megavoxels: 240 MB, 84 MB of voxels, 42 MB of labels, 115 MB for the networks; more for longer scans."""
    assert estimate(scan_of(160), 2, "cpu").least_ram_mb == pytest.approx(480.8, abs=0.2)
    assert estimate(scan_of(640), 2, "cpu").least_ram_mb == pytest.approx(240 + 335.5 + 167.8 + 190.8, abs=0.2)


def test_a_slow_machine_is_learned_from_one_run(cascade: Cascade, phantom: Phantom) -> None:
    with Run() as run:
        report = segment_scan(cascade, lambda: phantom.volume, lambda found, geometry: None, run).report
    geometry = phantom.volume.geometry
    assert estimate(geometry, 2, "cpu", slowness(report)).seconds == pytest.approx(report.total_seconds)
