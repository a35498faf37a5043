"""Bodies are fitted to organ maps by their labels, once for each pair."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from flareseg.core.errors import FlareError
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Store
from flareseg.training.synthesis import Fields, Synthesizer, register_store
from flareseg.training.synthesis.cases import bodies, organ_maps
from flareseg.training.synthesis.config import CasesConfig
from flareseg.training.synthesis.fields import Field
from flareseg.training.synthesis.masks import lookup
from flareseg.training.tissues import Tissue
from made_patient import SHAPE, SPACING, body_case, organ_case, tiny_config

CPU = torch.device("cpu")


@pytest.fixture
def new_store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path)
    store.add(organ_case())
    store.add(body_case(shift=(18, -12, 18)))
    return store


def liver_overlap(store: Store, field: Field | None) -> float:
    """Dice of the map's liver and the body's, seen through the field."""
    case, body = organ_maps(store, CasesConfig(), CPU)[0], bodies(store, CasesConfig(), CPU)[0]
    lines = [torch.arange(n) * mm for n, mm in zip(SHAPE, SPACING)]
    points = torch.stack(torch.meshgrid(*lines, indexing="ij"))
    seen = lookup(body.tissues, field(points) if field else points, SPACING) == Tissue.LIVER
    liver = case.tissues == Tissue.LIVER
    return float(2 * (seen & liver).sum() / (seen.sum() + liver.sum()))


def only_field(store: Store, fields: Fields) -> Field:
    return fields.of(organ_maps(store, CasesConfig(), CPU)[0], bodies(store, CasesConfig(), CPU)[0])


def test_registration_brings_a_shifted_body_onto_the_organs(new_store: Store) -> None:
    fields = register_store(new_store, tiny_config(), "cpu")
    assert liver_overlap(new_store, None) < 0.8
    assert liver_overlap(new_store, only_field(new_store, fields)) > 0.93


def test_progress_is_told_body_by_body(new_store: Store) -> None:
    told: list[tuple[int, int]] = []
    register_store(new_store, tiny_config(), "cpu", lambda done, of: told.append((done, of)))
    assert told == [(1, 1)]


def test_the_run_that_registers_sees_the_same_patients_as_one_that_reads_the_registration(new_store: Store) -> None:
    first, second = (Synthesizer(new_store, tiny_config(), "cpu") for _ in range(2))
    one, other = (source.sample(Stage.ORGANS, (16, 16, 16), Chance(3)) for source in (first, second))
    assert torch.equal(one.image, other.image)
    assert torch.equal(one.labels, other.labels)


def test_a_registration_is_kept_in_the_store_and_used_again(new_store: Store) -> None:
    register_store(new_store, tiny_config(), "cpu")
    (path,) = new_store.folder.glob("registration-*.safetensors")
    written = path.stat().st_mtime_ns
    again = register_store(new_store, tiny_config(), "cpu")
    assert path.stat().st_mtime_ns == written
    assert len(again) == 1


def test_a_field_is_the_same_when_it_is_made_and_when_it_is_read(new_store: Store) -> None:
    made = only_field(new_store, register_store(new_store, tiny_config(), "cpu"))
    read = only_field(new_store, register_store(new_store, tiny_config(), "cpu"))
    assert torch.equal(made.displacement, read.displacement)
    assert made.scale == read.scale


def test_a_changed_case_is_registered_anew(new_store: Store) -> None:
    fields = register_store(new_store, tiny_config(), "cpu")
    new_store.add(body_case(shift=(-12, 12, -12)))
    with pytest.raises(FlareError, match=r"has changed since.*Register the store again"):
        Synthesizer(new_store, tiny_config(), "cpu", fields)
    assert liver_overlap(new_store, only_field(new_store, register_store(new_store, tiny_config(), "cpu"))) > 0.93


def test_a_new_case_adds_its_pairs_only(new_store: Store) -> None:
    register_store(new_store, tiny_config(), "cpu")
    new_store.add(organ_case("more", shift=(6, 0, 6)))
    told = register_store(new_store, tiny_config(), "cpu")
    assert len(told) == 2


def test_a_file_that_is_not_a_registration_is_named(new_store: Store) -> None:
    register_store(new_store, tiny_config(), "cpu")
    (path,) = new_store.folder.glob("registration-*.safetensors")
    path.write_bytes(b"no safetensors")
    with pytest.raises(FlareError, match=r"cannot be used.*Delete it") as failure:
        register_store(new_store, tiny_config(), "cpu")
    assert failure.value.kind == "bad_data"
