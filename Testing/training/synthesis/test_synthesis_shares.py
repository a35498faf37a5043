"""The share of each organ in each voxel, from lookups within the voxels where labels meet."""

from __future__ import annotations

import pytest
import torch
from flareseg.training.chance import Chance
from flareseg.training.sample import Stage
from flareseg.training.store import Store
from flareseg.training.synthesis import Synthesizer
from flareseg.training.synthesis.cases import OrganMap, organ_maps
from flareseg.training.synthesis.config import CasesConfig
from flareseg.training.synthesis.masks import lookup
from flareseg.training.synthesis.shares import organ_shares
from flareseg.training.synthesis.view import View
from flareseg.training.tissues import label_table
from made_patient import SHAPE, SPACING, tiny_config

TABLE = torch.from_numpy(label_table())
COARSE = View((22, 20, 28), (-3.0, -3.0, -3.0), tuple(n * mm - 3.0 for n, mm in zip(SHAPE, SPACING)), (0.0, 0.0))


@pytest.fixture
def case(store: Store) -> OrganMap:
    return organ_maps(store, CasesConfig(), torch.device("cpu"))[0]


@pytest.fixture
def points() -> torch.Tensor:
    """Voxels that each hold eight of the map."""
    return COARSE.points(torch.device("cpu"))


@pytest.fixture
def labels(case: OrganMap, points: torch.Tensor) -> torch.Tensor:
    return TABLE[lookup(case.tissues, points, case.spacing).int()]


def in_map(case: OrganMap, label: int) -> torch.Tensor:
    """The exact share of an organ in each coarse voxel."""
    organ = (TABLE[case.tissues.int()] == label).float()
    return torch.nn.functional.avg_pool3d(organ[None], 2)[0]


@pytest.mark.parametrize("label", [1, 2, 3, 4])
def test_shares_are_those_of_the_maps_own_voxels(
    label: int, case: OrganMap, points: torch.Tensor, labels: torch.Tensor
) -> None:
    shares = organ_shares(labels, case, points, TABLE)
    true = in_map(case, label)
    near = labels == label  # and its face neighbours; an organ in a corner only is not looked for
    near |= torch.nn.functional.max_pool3d(near.float()[None], 3, 1, 1)[0] > 0
    off = (shares[label - 1] / 255 - true).abs()
    assert float(off[near].mean()) < 0.02
    assert float((shares[label - 1] / 255).sum()) == pytest.approx(float(true.sum()), rel=0.06)


def test_voxels_within_an_organ_are_its_own(case: OrganMap, points: torch.Tensor, labels: torch.Tensor) -> None:
    shares = organ_shares(labels, case, points, TABLE)
    inside = -torch.nn.functional.max_pool3d(-(labels == 1).float()[None], 3, 1, 1)[0] > 0
    assert (shares[0][inside] == 255).all() and inside.any()
    assert int(shares.int().sum(dim=0).max()) <= 258  # four bytes are rounded on their own


def test_what_was_taken_out_has_no_share(case: OrganMap, points: torch.Tensor, labels: torch.Tensor) -> None:
    """No spleen, and no liver on one side of a plane."""
    after = torch.where(labels == 3, 0, labels)
    after[:, :, :8] = torch.where(after[:, :, :8] == 1, 0, after[:, :, :8])
    shares = organ_shares(after, case, points, TABLE)
    assert not shares[2].any()
    assert (labels[:, :, :8] == 1).any() and not shares[0][labels.eq(1) & after.eq(0)].any()


def test_samples_have_shares_on_request(store: Store) -> None:
    source = Synthesizer(store, tiny_config(), "cpu", fractions=True)
    plain = Synthesizer(store, tiny_config(), "cpu")
    sample = source.sample(Stage.ORGANS, (24, 32, 48), Chance(1))
    assert sample.shares is not None and sample.shares.shape == (4, 24, 32, 48)
    assert plain.sample(Stage.ORGANS, (24, 32, 48), Chance(1)).shares is None
    most = sample.shares.argmax(dim=0) + 1
    agree = (most == sample.labels)[(sample.labels > 0) & (sample.shares.amax(dim=0) > 140)]
    assert float(agree.float().mean()) > 0.99
