"""How much memory is free: the computer's, a container's, the process's own limit, the caller's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from flareseg.core.free_memory import Bound, attainable_mb, bounds, free_mb

MB = 10**6
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the process's own limits are read on Linux")


def system(folder: Path, inside: str, groups: dict[str, dict[str, object]]) -> Path:
    """A system's root: /proc/self/cgroup with the line ``inside``, and files of control groups by folder."""
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/self/cgroup").write_text(f"{inside}\n")
    for group, files in groups.items():
        place = folder / "sys/fs/cgroup" / group
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(f"{text}\n")
    return folder


def containers(root: Path) -> list[float]:
    return [bound.free_mb for bound in bounds(system=root) if "container" in bound.where]


def test_a_container_leaves_its_limit_less_what_it_uses(tmp_path: Path) -> None:
    root = system(tmp_path, "0::/", {"": {"memory.max": 900 * MB, "memory.current": 300 * MB}})
    assert containers(root) == [600.0]


def test_files_that_the_kernel_keeps_for_a_container_count_as_free(tmp_path: Path) -> None:
    stat = f"anon 1000000\nfile 70000000\ninactive_file {50 * MB}\nactive_file {10 * MB}"
    group = {"memory.max": 900 * MB, "memory.current": 300 * MB, "memory.stat": stat}
    assert containers(system(tmp_path, "0::/", {"": group})) == [660.0]


def test_of_nested_containers_the_one_that_leaves_least_counts(tmp_path: Path) -> None:
    groups: dict[str, dict[str, object]] = {
        "pod": {"memory.max": 500 * MB, "memory.current": 400 * MB},
        "pod/app": {"memory.max": 900 * MB, "memory.current": 200 * MB},
    }
    assert containers(system(tmp_path, "0::/pod/app", groups)) == [100.0, 700.0]


def test_a_container_is_slowed_down_from_its_high_mark_on(tmp_path: Path) -> None:
    group = {"memory.max": 900 * MB, "memory.high": 500 * MB, "memory.current": 300 * MB}
    assert containers(system(tmp_path, "0::/", {"": group})) == [200.0]


def test_a_container_without_a_limit_bounds_nothing(tmp_path: Path) -> None:
    group = {"memory.max": "max", "memory.high": "max", "memory.current": 300 * MB}
    assert containers(system(tmp_path, "0::/", {"": group})) == []


def test_control_groups_of_version_1(tmp_path: Path) -> None:
    stat = f"inactive_file 1\ntotal_inactive_file {20 * MB}\ntotal_active_file {5 * MB}"
    groups: dict[str, dict[str, object]] = {
        "memory": {"memory.limit_in_bytes": 9223372036854771712, "memory.usage_in_bytes": 10**9},
        "memory/docker/a1": {
            "memory.limit_in_bytes": 700 * MB,
            "memory.usage_in_bytes": 300 * MB,
            "memory.stat": stat,
        },
        "cpu/docker/a1": {"memory.max": 1, "memory.current": 0},
    }
    root = system(tmp_path, "4:memory:/docker/a1\n1:cpu:/docker/a1\n0::/", groups)
    assert containers(root) == [425.0]


def test_a_container_that_sees_its_own_group_as_the_root_is_bounded_by_it(tmp_path: Path) -> None:
    """A path of the host that is not there inside, and one that leads out of what is seen."""
    group = {"memory.max": 900 * MB, "memory.current": 800 * MB}
    for name, inside in (("a", "0::/docker/a1"), ("b", "0::/../b2")):
        assert containers(system(tmp_path / name, inside, {"": group})) == [100.0]


def test_without_control_groups_the_computer_still_bounds(tmp_path: Path) -> None:
    assert containers(tmp_path) == []


@on_linux
def test_the_computer_leaves_memory_and_swap() -> None:
    (computer,) = [bound for bound in bounds() if bound.where == ""]
    expected = (psutil.virtual_memory().available + psutil.swap_memory().free) / MB
    assert computer.free_mb == pytest.approx(expected, rel=0.3)
    assert free_mb() <= computer.free_mb * 1.3


def test_the_callers_limit_leaves_what_the_process_does_not_hold() -> None:
    held = psutil.Process().memory_info().rss / MB
    (within,) = [bound for bound in bounds(ram_limit_mb=held + 200) if "RAM limit" in bound.where]
    assert within.free_mb == pytest.approx(200, abs=20)


def test_what_a_process_can_have_in_all_is_what_it_holds_and_what_is_free() -> None:
    assert attainable_mb() > free_mb() * 0.7


def test_the_smallest_comes_first_and_is_never_said_to_be_negative() -> None:
    first = bounds(ram_limit_mb=1.0)[0]
    assert first.free_mb < 0
    assert first.free == "0 MB"
    assert Bound(600.4, "", "").free == "600 MB"


@on_linux
@pytest.mark.parametrize(("kind", "option"), [("RLIMIT_AS", "-v"), ("RLIMIT_DATA", "-d")])
def test_the_process_s_own_limit_leaves_what_it_has_not_mapped(kind: str, option: str) -> None:
    code = f"""
import resource
from flareseg.core.free_memory import bounds
used = getattr(__import__("psutil").Process().memory_info(), "vms" if "{option}" == "-v" else "data")
resource.setrlimit(resource.{kind}, (used + 100_000_000, resource.RLIM_INFINITY))
bound = bounds()[0]
print(round(bound.free_mb), bound.where.strip())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    free, where = done.stdout.strip().split(" ", 1)
    assert 80 <= int(free) <= 100
    assert where == f"within the limit of the process (ulimit {option})"
