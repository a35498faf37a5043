"""Which cases of a store are drawn from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.training.store import Store
from flareseg.training.synthesis.cases import bodies, organ_maps
from flareseg.training.synthesis.config import CasesConfig, CaseSelection
from made_patient import body_case, organ_case

CPU = torch.device("cpu")


@pytest.fixture
def mixed(tmp_path: Path) -> Store:
    store = Store.create(tmp_path)
    for case in (
        organ_case("one_1", "first source"),
        organ_case("two_1", "second source"),
        organ_case("two_2", "second source", untrusted=("left_kidney",)),
        organ_case("two_3", "second source", untrusted=("colon",)),
        body_case("body_1"),
        body_case("body_2"),
    ):
        store.add(case)
    return store


def names(store: Store, config: CasesConfig) -> list[str]:
    return [case.name for case in organ_maps(store, config, CPU)]


def test_maps_with_untrusted_organs_are_left_out(mixed: Store) -> None:
    assert names(mixed, CasesConfig()) == ["one_1", "two_1", "two_3"]


def test_maps_with_untrusted_organs_are_used_on_request(mixed: Store) -> None:
    assert names(mixed, CasesConfig(untrusted=True)) == ["one_1", "two_1", "two_2", "two_3"]


def test_a_source_is_left_out_for_cross_validation(mixed: Store) -> None:
    assert names(mixed, CasesConfig(maps=CaseSelection(exclude=("second*",)))) == ["one_1"]


def test_cases_are_included_by_name(mixed: Store) -> None:
    found = bodies(mixed, CasesConfig(bodies=CaseSelection(include=("*_2",))), CPU)
    assert [body.name for body in found] == ["body_2"]


def test_a_body_is_weighted_by_the_first_pattern_that_names_it(mixed: Store) -> None:
    found = bodies(mixed, CasesConfig(body_weights={"body_1": 0.5, "body*": 3.0}), CPU)
    assert [body.weight for body in found] == [0.5, 3.0]


@pytest.mark.parametrize(("find", "what"), [(organ_maps, "organ maps"), (bodies, "bodies")])
def test_a_store_without_them_is_refused(find, what: str, tmp_path: Path) -> None:
    with pytest.raises(FlareError, match=f"has no {what}.*flareseg prepare") as failure:
        find(Store.create(tmp_path), CasesConfig(), CPU)
    assert failure.value.kind == "bad_data"
