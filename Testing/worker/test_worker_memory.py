"""A worker that is short of memory answers with the message, and goes on with the next job."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from flareseg.core.volume import Volume
from flareseg.phantom import Phantom
from flareseg.worker import events
from worker_process import WorkerProcess, job_for, worker

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are set as Linux has them")


def leave(running: WorkerProcess, byte_count: int | None) -> None:
    """Let a worker map so many bytes more; None: as many as it asks for."""
    import resource

    pid = running.process.pid
    limit = resource.RLIM_INFINITY if byte_count is None else psutil.Process(pid).memory_info().vms + byte_count
    resource.prlimit(pid, resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))


def test_a_job_that_does_not_fit_fails_with_the_message_and_the_next_one_is_done(
    phantom: Phantom, tmp_path: Path
) -> None:
    """The first is refused before the engine is loaded, the second before its scan is segmented."""
    voxels = phantom.volume.voxels.repeat(4, 0)
    large = Volume(voxels, replace(phantom.volume.geometry, shape=voxels.shape, spacing=(1.0, 3.0, 3.0)))
    said = []
    with worker() as running:
        running.wait_for(events.Ready)
        leave(running, 100_000_000)
        running.send(job_for(phantom.volume, tmp_path, "1"))
        said.append(running.wait_for(events.Failure))
        leave(running, None)
        running.send(job_for(phantom.volume, tmp_path, "2"))
        assert running.wait_for(events.JobResult).id == "2"
        leave(running, 20_000_000)
        running.send(job_for(large, tmp_path, "3"))
        said.append(running.wait_for(events.Failure))
        leave(running, None)
        running.send(job_for(phantom.volume, tmp_path, "4"))
        assert running.wait_for(events.JobResult).id == "4"
    assert [(failure.id, failure.kind, failure.details) for failure in said] == [
        ("1", "memory", ""),
        ("3", "memory", ""),
    ]
    assert said[0].message.startswith("Loading the engine needs about ")
    assert said[1].message.startswith("This scan needs about ")
    for failure in said:
        assert failure.message.endswith(" MB are free within the limit of the process (ulimit -v).")
        assert failure.hint.startswith("Raise that limit by at least ")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels-2.npy", "labels-4.npy", "scan.npy"]


def test_the_worker_tells_how_much_memory_it_can_have() -> None:
    with worker() as running:
        running.wait_for(events.Ready)
        running.send(events.DescribeJob("a", "cpu"))
        free = running.wait_for(events.DeviceInfo)
        leave(running, 500_000_000)
        running.send(events.DescribeJob("b", "cpu"))
        bounded = running.wait_for(events.DeviceInfo)
    assert free.ram_mb is not None and bounded.ram_mb is not None
    assert free.ram_mb > free.free_mb
    assert bounded.free_mb == pytest.approx(500, abs=30)
    assert 500 < bounded.ram_mb < 1000
