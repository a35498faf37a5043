"""Which jobs there are, and what a method needs."""

from __future__ import annotations

from benchmarks.methods import METHODS, BenchmarkMethod
from benchmarks.run import BenchmarkPlan


def test_the_cheapest_jobs_come_first_and_the_cpu_is_for_ours_where_a_gpu_is():
    plan = BenchmarkPlan(("warm",), ("nnunet", "ours"), (1000, 80))
    jobs = [(job.method, job.device, job.slices) for job in plan.jobs(["cuda", "cpu"])]
    assert jobs == [
        ("ours", "cuda", 80),
        ("ours", "cpu", 80),
        ("ours", "cuda", 1000),
        ("ours", "cpu", 1000),
        ("nnunet", "cuda", 80),
        ("nnunet", "cuda", 1000),
    ]


def test_a_fresh_process_comes_before_the_warm_one():
    assert [job.kind for job in BenchmarkPlan(methods=("nnunet",), slices=(80,)).jobs(["cpu"])] == ["flare21", "warm"]


def test_a_peer_whose_package_is_not_there_says_what_to_install():
    missing = BenchmarkMethod("Peer", "", 1, needs="no_such_package").missing
    assert missing == "no_such_package is not installed: pip install '.[bench]'"


def test_ours_needs_nothing_more():
    assert METHODS["ours"].missing == ""
