"""Learning rates, epoch by epoch and step by step."""

import pytest
from flareseg.training.config import ScheduleConfig
from flareseg.training.schedule import rate_factor


@pytest.mark.parametrize(("epoch", "expected"), [(0, 1.0), (300, 0.5**0.9), (599, (1 / 600) ** 0.9)])
def test_poly_is_he_and_luos(epoch: int, expected: float) -> None:
    config = ScheduleConfig(name="poly", power=0.9)
    for step in (epoch * 10, epoch * 10 + 9):  # the same for all steps of an epoch
        assert rate_factor(config, step, steps_per_epoch=10, epochs=600) == pytest.approx(expected)


def test_cosine_goes_from_one_through_the_middle_to_its_floor() -> None:
    config = ScheduleConfig(name="cosine")
    factors = [rate_factor(config, step, steps_per_epoch=10, epochs=10) for step in (0, 50, 100)]
    assert factors == pytest.approx([1.0, 0.505, 0.01])


def test_the_warm_up_is_a_line() -> None:
    config = ScheduleConfig(name="cosine", warm_up_steps=4)
    factors = [rate_factor(config, step, steps_per_epoch=10**6, epochs=1) for step in range(5)]
    assert factors == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0], abs=1e-4)


@pytest.mark.parametrize(("power", "expected"), [(1.0, 0.25), (2.0, 0.0625), (0.5, 0.5)])
def test_poly_has_the_power_of_its_config(power: float, expected: float) -> None:
    config = ScheduleConfig(name="poly", power=power)
    assert rate_factor(config, 30, steps_per_epoch=10, epochs=4) == pytest.approx(expected)


def test_the_power_is_0_9_where_a_config_gives_none() -> None:
    assert rate_factor(ScheduleConfig(name="poly"), 30, steps_per_epoch=10, epochs=4) == pytest.approx(
        0.287175, abs=1e-6
    )


def test_poly_warms_up_too() -> None:
    config = ScheduleConfig(name="poly", power=1.0, warm_up_steps=4)
    factors = [rate_factor(config, step, steps_per_epoch=2, epochs=4) for step in range(6)]
    assert factors == pytest.approx([0.25, 0.5, 0.5625, 0.75, 0.5, 0.5])
