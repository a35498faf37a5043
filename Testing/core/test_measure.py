"""The clock and the memory watch."""

import mmap
import time

import psutil
import pytest
from flareseg.core.measure import SAMPLE_SECONDS, GpuMemory, MemoryWatch, StageClock


def test_a_stage_entered_twice_adds_up() -> None:
    clock = StageClock()
    for name in ("crop", "segment", "crop"):
        with clock.stage(name):
            sum(range(1000))
    assert [stage.name for stage in clock.stages] == ["crop", "segment"]
    assert 0 < sum(stage.seconds for stage in clock.stages) <= clock.total_seconds


def test_a_stage_that_fails_is_still_timed() -> None:
    clock = StageClock()
    with pytest.raises(ZeroDivisionError), clock.stage("crop"):
        raise ZeroDivisionError
    assert clock.stages[0].name == "crop"


def test_the_device_has_finished_before_a_stage_ends() -> None:
    waited: list[str] = []
    clock = StageClock(lambda: waited.append("yes"))
    with clock.stage("segment"):
        assert not waited
    assert waited == ["yes"]


def use_and_give_back(megabytes: int) -> None:
    """Memory from the system itself: that of an allocator may be kept for later."""
    with mmap.mmap(-1, megabytes * 10**6) as block:
        for _ in range(megabytes):
            block.write(bytes(10**6))


def test_a_peak_that_is_gone_again_is_remembered() -> None:
    with MemoryWatch() as watch:
        before = watch.ram_mb
        use_and_give_back(200)
    peak = watch.facts().peak_ram_mb
    assert before + 190 < peak < before + 260


def test_a_peak_below_an_earlier_one_is_seen_by_looking_often() -> None:
    use_and_give_back(400)
    with MemoryWatch() as watch, mmap.mmap(-1, 200 * 10**6) as block:
        before = watch.ram_mb
        for _ in range(200):
            block.write(bytes(10**6))
        time.sleep(10 * SAMPLE_SECONDS)
    assert before + 190 < watch.facts().peak_ram_mb < before + 260


def test_a_peak_before_the_watch_is_not_taken_for_one_of_the_run() -> None:
    """The kernel's mark of it stays: this process is not the engine's own."""
    use_and_give_back(300)
    with MemoryWatch() as watch:
        pass
    assert watch.facts().peak_ram_mb < psutil.Process().memory_info().rss / 1e6 + 100


class Gpu(GpuMemory):
    """The first that is made has seen 40 MB, the next one 10."""

    peaks = (40.0, 10.0)
    device_mb = 100.0
    peak_allocated_mb = 0.0
    made = 0

    def __init__(self, index: int) -> None:
        self.peak_allocated_mb = self.peaks[Gpu.made]
        Gpu.made += 1


def test_the_gpus_peak_is_that_of_all_attempts() -> None:
    """Watching a GPU begins its peak anew, which a second attempt at the same scan must not."""
    with MemoryWatch(Gpu) as watch:
        watch.watch_gpu(0)
        watch.watch_gpu(0)
    assert Gpu.made == 1
    assert watch.facts().peak_gpu_allocated_mb == 40.0
