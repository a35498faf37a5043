"""Heads and phantoms: scans that no body of a store shows, and that hold no organ."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Store
from flareseg.training.synthesis import Synthesizer
from flareseg.training.synthesis.config import ElsewhereConfig, ViewConfig
from flareseg.training.synthesis.elsewhere import elsewhere
from flareseg.training.synthesis.view import View
from flareseg.training.tissues import Tissue
from made_patient import body_case, organ_case, tiny_config

VIEW = View((40, 48, 48), (0.0, 0.0, 0.0), (240.0, 240.0, 240.0), (120.0, 120.0), shows_organs=False)
HEAD, PHANTOM = ElsewhereConfig(head=1), ElsewhereConfig(head=0, phantom=1, rods=3)
BODY = ElsewhereConfig(head=0, phantom=0)


@pytest.mark.parametrize("seed", range(4))
def test_a_head_is_brain_in_bone_in_skin(seed: int) -> None:
    head = elsewhere(VIEW, HEAD, Chance(seed))
    assert head is not None
    middle = head.tissues[30, 24]  # a line from right to left, above the face
    order = [Tissue(code) for code in torch.unique_consecutive(middle).tolist() if code != Tissue.GALLBLADDER]
    assert list(dict.fromkeys(order)) in (
        [Tissue.AIR, Tissue.WALL, Tissue.BONE, Tissue.CORD],
        [Tissue.AIR, Tissue.BONE, Tissue.CORD],  # skin is thinner than a voxel
    )
    brain_ml = float(head.mask(Tissue.CORD).sum()) * 6 * 5 * 5 / 1000
    assert 500 < brain_ml < 2500


def test_a_phantom_is_the_same_in_every_slice() -> None:
    phantom = elsewhere(VIEW, PHANTOM, Chance(3))
    assert phantom is not None
    assert torch.equal(phantom.tissues[0], phantom.tissues[-1])
    assert 0.1 < float(phantom.body.float().mean()) < 0.95


@pytest.mark.parametrize("settings", [HEAD, PHANTOM])
def test_neither_holds_an_organ(settings: ElsewhereConfig) -> None:
    for seed in range(4):
        shown = elsewhere(VIEW, settings, Chance(seed))
        assert shown is not None and not shown.organs.any()


def test_a_part_of_the_body_is_shown_where_neither_happens() -> None:
    assert elsewhere(VIEW, BODY, Chance(0)) is None


@pytest.fixture(scope="module")
def tall(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store whose body has room for a scan below and above its organs."""
    store = Store.create(tmp_path_factory.mktemp("tall"))
    store.add(organ_case())
    store.add(body_case(shape=(130, 40, 56)))
    return store


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("settings", [HEAD, PHANTOM, BODY], ids=["head", "phantom", "body"])
def test_a_sample_of_elsewhere_has_no_label_and_no_share(settings: ElsewhereConfig, stage: Stage, tall: Store) -> None:
    always = ViewConfig(nothing=1, nothing_in_box=1)
    source = Synthesizer(tall, tiny_config(view=always, elsewhere=settings), "cpu", fractions=True)
    sample = source.sample(stage, (24, 32, 32), Chance(1))
    assert not sample.labels.any()
    assert sample.shares is not None and not sample.shares.any()
    assert float((sample.image > -200).float().mean()) > 0.02
