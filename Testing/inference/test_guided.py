"""The guided put-back: borders move to where the CT has them, and where it has none they stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from flareseg.core.errors import Cancelled, FlareError
from flareseg.core.organs import CLASSES, ORGANS
from flareseg.evaluation.overlap import dice
from flareseg.inference.guided import guide_borders
from flareseg.inference.options import Borders
from flareseg.inference.resample import Slabs, logits_to_labels
from flareseg.inference.tiles import TILE
from scipy.ndimage import uniform_filter
from torch import Tensor

LIVER, KIDNEYS, SPLEEN, PANCREAS = (organ.label for organ in ORGANS)
SHAPE, COARSE = (36, 60, 52), (18, 30, 26)


def ball(radius: float, centre: tuple[float, float, float] = (18, 30, 26)) -> np.ndarray:
    return sum((axis - middle) ** 2 for axis, middle in zip(np.indices(SHAPE), centre)) <= radius**2


def logits_of(masks: dict[int, np.ndarray], grid: tuple[int, int, int] = COARSE) -> Tensor:
    """What a network says that is as sure as can be of masks, averaged on its coarse grid."""
    logits = torch.zeros(CLASSES, *grid)
    for label, mask in masks.items():
        share = F.adaptive_avg_pool3d(torch.from_numpy(mask.astype(np.float32))[None], grid)[0]
        logits[label] = (share.clamp(0.01, 0.99) / (1 - share.clamp(0.01, 0.99))).log()
        logits[[other for other in range(1, CLASSES) if other not in masks]] = -10.0
    return logits


def scan_of(mask: np.ndarray, noise: float = 0.0, inside: float = 110, outside: float = 40) -> np.ndarray:
    clean = np.where(mask, inside, outside)
    return (clean + np.random.default_rng(0).normal(0, noise, mask.shape)).astype(np.int16)


def labels_from(logits: Tensor, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    labels = np.zeros(shape, np.uint8)
    logits_to_labels(logits, labels)
    return labels


def guided(logits: Tensor, hu: np.ndarray, slabs: Slabs | None = None) -> np.ndarray:
    labels = labels_from(logits, hu.shape)
    guide_borders(labels, logits, hu, slabs)
    return labels


@pytest.mark.parametrize("organ", [LIVER, KIDNEYS, SPLEEN])
def test_a_border_that_is_half_a_voxel_off_moves_to_the_one_in_the_ct(organ: int) -> None:
    true = ball(12)
    logits = logits_of({organ: ball(12, (18.7, 30.7, 26.7))})
    before, after = (dice(labels == organ, true) for labels in (labels_from(logits), guided(logits, scan_of(true, 5))))
    assert before < 0.95
    assert after > before + 0.015


def test_the_pancreas_is_left_as_it_is() -> None:
    logits = logits_of({PANCREAS: ball(12, (18.7, 30.7, 26.7))})
    np.testing.assert_array_equal(guided(logits, scan_of(ball(12), 5)), labels_from(logits))


def test_where_the_ct_shows_no_border_it_stays() -> None:
    left = np.indices(SHAPE)[2] < 25
    logits = logits_of({LIVER: left})
    np.testing.assert_array_equal(guided(logits, np.full(SHAPE, 60, np.int16)), labels_from(logits))


@pytest.mark.parametrize(("zero", "column"), [(23.2, 23), (23.8, 25)])
def test_a_border_on_the_face_between_two_tiles_moves_into_either(zero: float, column: int) -> None:
    """The lead falls to zero in the last column of the first tile; in the CT the border lies beside that column."""
    columns = np.indices(SHAPE)[2]
    logits = logits_of({})
    logits[LIVER] = zero - (2 * torch.arange(26) + 0.5)
    labels, found = labels_from(logits), guided(logits, scan_of(columns < column))
    assert TILE[2] == 24
    np.testing.assert_array_equal(labels == LIVER, columns < 24)
    np.testing.assert_array_equal(found == LIVER, columns < column)


def test_noise_of_60_hu_does_not_fray_a_border() -> None:
    true = ball(14)
    logits = logits_of({LIVER: true})
    labels = guided(logits, scan_of(true, noise=60))
    assert dice(labels == LIVER, true) > dice(labels_from(logits) == LIVER, true) - 0.01


def test_two_organs_keep_the_border_between_them() -> None:
    liver, kidney = ball(12, (18, 20, 26)), ball(9, (18, 40, 26)) & ~ball(12, (18, 20, 26))
    logits = logits_of({LIVER: liver, KIDNEYS: kidney})
    before, after = labels_from(logits), guided(logits, scan_of(liver, noise=5))
    moved = (before != after) & (before > 0) & (after > 0)
    assert (before == KIDNEYS).any()
    assert not moved.any()


def reference(logits: Tensor, hu: np.ndarray) -> np.ndarray:
    """The guided filter of He, Sun and Tang on the whole array, with SciPy's box filter; the edges are repeated."""
    labels = labels_from(logits, hu.shape)
    before = labels.copy()
    leads = F.interpolate((logits[1:] - logits[:1])[None], hu.shape, mode="trilinear")[0].numpy().astype(np.float64)
    guide = np.pad(np.clip(hu.astype(np.float64), -120, 200), 2, mode="edge")

    def mean(array: np.ndarray) -> np.ndarray:
        return uniform_filter(array, 3)

    for organ in (LIVER, KIDNEYS, SPLEEN):
        signal = np.pad(np.tanh(leads[organ - 1] / 2), 2, mode="edge")
        slope = (mean(guide * signal) - mean(guide) * mean(signal)) / (mean(guide**2) - mean(guide) ** 2 + 200.0)
        offset = mean(signal) - slope * mean(guide)
        is_organ = (mean(slope) * guide + mean(offset))[2:-2, 2:-2, 2:-2] > 0
        labels[(before == organ) & ~is_organ] = 0
        labels[(before == 0) & (labels == 0) & is_organ] = organ
    return labels


@pytest.mark.parametrize(
    ("shape", "grid"),
    [(SHAPE, COARSE), ((9, 100, 70), (24, 32, 48)), ((50, 20, 20), (12, 32, 24)), ((3, 5, 4), COARSE)],
    ids=["finer scan", "thick slices", "thin scan", "few voxels"],
)
def test_tiles_give_what_the_filter_gives_on_the_whole(shape: tuple[int, int, int], grid: tuple[int, int, int]) -> None:
    generator = torch.Generator().manual_seed(0)
    rough = torch.randn((CLASSES, 5, 5, 5), generator=generator)
    logits = 4 * F.interpolate(rough[None], grid, mode="trilinear")[0]
    hu = np.random.default_rng(0).integers(-300, 400, shape).astype(np.int16)
    found, expected = guided(logits, hu), reference(logits, hu)
    assert (expected != labels_from(logits, shape)).any()
    assert (found != expected).mean() < 1e-4  # of rounding


@pytest.mark.parametrize("megabytes", [0.001, 1000.0])
def test_the_size_of_a_slab_changes_nothing(megabytes: float) -> None:
    logits = logits_of({LIVER: ball(12, (18, 20, 26)), KIDNEYS: ball(9, (18, 42, 26)), SPLEEN: ball(4, (6, 8, 8))})
    hu = scan_of(ball(11, (18, 21, 26)), noise=20)
    np.testing.assert_array_equal(guided(logits, hu, Slabs(megabytes)), guided(logits, hu))


@pytest.mark.parametrize("dtype", ["int32", ">i2", "float32", "float64"])
def test_a_scan_of_any_number_type_gives_the_same(dtype: str) -> None:
    logits, hu = logits_of({LIVER: ball(12)}), scan_of(ball(11), noise=20)
    given = hu.astype(dtype)
    given.flags.writeable = False
    np.testing.assert_array_equal(guided(logits, given), guided(logits, hu))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_logits_of_half_precision_are_taken(dtype: torch.dtype) -> None:
    logits, hu = logits_of({LIVER: ball(12)}), scan_of(ball(11), noise=20)
    assert dice(guided(logits.to(dtype), hu) == LIVER, guided(logits, hu) == LIVER) > 0.99


def test_labels_and_scan_may_be_views() -> None:
    logits, hu = logits_of({LIVER: ball(12)}), scan_of(ball(11), noise=20)
    stored = np.zeros(SHAPE[::-1], np.uint8)
    labels = stored.T[:, ::-1]
    logits_to_labels(logits, labels)
    guide_borders(labels, logits, np.ascontiguousarray(hu.T).T)
    np.testing.assert_array_equal(labels, guided(logits, hu))


def test_without_organs_nothing_happens() -> None:
    assert not guided(logits_of({}) + torch.tensor([1.0, 0, 0, 0, 0])[:, None, None, None], scan_of(ball(9))).any()


def test_progress_ends_at_one_and_a_cancel_leaves_the_labels_as_they_were() -> None:
    logits, hu, fractions = logits_of({LIVER: ball(12)}), scan_of(ball(11)), []
    guided(logits, hu, Slabs(1.0, fractions.append))
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    labels = labels_from(logits)

    def cancel(_fraction: float) -> None:
        raise Cancelled()

    with pytest.raises(Cancelled):
        guide_borders(labels, logits, hu, Slabs(1.0, cancel))
    np.testing.assert_array_equal(labels, labels_from(logits))


def test_unknown_borders_are_refused() -> None:
    with pytest.raises(FlareError, match=r'Unknown borders: "sharp"\. Use one of plain, guided\.'):
        Borders.of("sharp")
