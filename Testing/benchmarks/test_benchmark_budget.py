"""What does not fit into the time is not begun."""

from __future__ import annotations

from benchmarks.budget import Budget


class HandClock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_job_of_which_nothing_is_known_may_begin_while_time_is_left():
    assert Budget(1, HandClock()).refusal("nnunet", 1000) == ""


def test_nothing_begins_when_the_time_is_over():
    clock = HandClock()
    budget = Budget(1, clock)
    clock.now = 61
    assert budget.left == 0
    assert budget.refusal("ours", 80).startswith("skipped: about 5 s needed, 0 s left")


def test_a_larger_job_is_judged_by_what_a_smaller_one_of_its_kind_took():
    clock = HandClock()
    budget = Budget(2, clock)
    budget.remember("nnunet", 80, 40)
    clock.now = 40
    assert budget.refusal("nnunet", 160) == ""
    assert budget.refusal("nnunet", 320) == "skipped: about 160 s needed, 80 s left (--minutes gives more)"
    assert budget.refusal("ours", 320) == ""


def test_the_slowest_of_its_kind_counts():
    budget = Budget(1, HandClock())
    budget.remember("nnunet", 80, 40)
    budget.remember("nnunet", 80, 4)
    assert budget.refusal("nnunet", 160).startswith("skipped: about 80 s needed")
