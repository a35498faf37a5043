"""One worker does many jobs and holds no more at the end than at the beginning; ``make soak`` gives it 1,000."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from soak import Held, growth, soak

MORE_RAM_MB = 25.0  # medians of what one process holds differ by less when nothing leaks


def assert_flat(held: list[Held]) -> None:
    more = growth(held)
    assert more.ram_mb < MORE_RAM_MB
    assert (more.descriptors, more.threads) == (0, 0)
    assert max(one.files for one in held) == 0


def test_a_worker_holds_no_more_after_many_jobs(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    start = time.monotonic()
    held = soak(request.config.getoption("--soak-jobs", default=None) or 20, tmp_path)
    early, seconds = len(held) // 4, time.monotonic() - start
    print(f"\n{len(held)} jobs in {seconds:.0f} s: after {early} jobs {held[early]}, at the end {held[-1]}")
    print(f"medians of the second and the last quarter differ by {growth(held)}")
    assert_flat(held)


def test_a_single_step_of_the_ram_is_not_a_leak() -> None:
    assert_flat([Held(500.0 + 64 * (n >= 50), 12, 8, 0) for n in range(100)])


@pytest.mark.parametrize(
    "leak", [{"ram_mb": 1.0}, {"descriptors": 1}, {"threads": 1}, {"files": 1}], ids=lambda leak: next(iter(leak))
)
def test_a_leak_in_each_job_is_seen(leak: dict[str, float]) -> None:
    flat = Held(500.0, 12, 8, 0)
    held = [replace(flat, **{name: getattr(flat, name) + n * more for name, more in leak.items()}) for n in range(100)]
    assert_flat([flat] * 100)
    with pytest.raises(AssertionError):
        assert_flat(held)
