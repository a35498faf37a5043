"""Slabs and labels arrive as they were sent, whatever the order in which a GPU makes the copies."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from flareseg.inference.resample import Box, Slabs, logits_to_labels, resample_to_grid
from flareseg.inference.transfer import Pageable, Staged, Transfer
from inference.gpu_stand_ins import LateLink

CPU = torch.device("cpu")


def arrays(dtype: str = "int16") -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 90, (slices, 4, 5)).astype(dtype) for slices in (3, 3, 3, 3, 1)]


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("transfer", [Pageable(), Staged(LateLink())], ids=["pageable", "staged"])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", ">i2", "uint16", "int32", "int64", "float32", "float64"])
def test_every_number_type_arrives_as_float32(transfer: Transfer, dtype: str) -> None:
    sent = arrays(dtype)
    for array, tensor in zip(sent, transfer.uploads(sent, CPU), strict=True):
        assert tensor.dtype == torch.float32
        np.testing.assert_array_equal(tensor.numpy(), array.astype(np.float32))


@pytest.mark.parametrize("transfer", [Pageable(), Staged(LateLink())], ids=["pageable", "staged"])
@pytest.mark.parametrize(
    "view",
    [lambda a: a[::-1], lambda a: a[:, ::-1, ::-1], lambda a: a.transpose(2, 0, 1), lambda a: a[:, 1:3, 2:], read_only],
    ids=["upside down", "turned", "sagittal", "cropped", "read-only"],
)
def test_views_arrive_as_they_are_seen(transfer: Transfer, view: Callable[[np.ndarray], np.ndarray]) -> None:
    sent = [view(array) for array in arrays()]
    for array, tensor in zip(sent, transfer.uploads(sent, CPU), strict=True):
        np.testing.assert_array_equal(tensor.numpy(), array)


@pytest.mark.parametrize("transfer", [Pageable(), Staged(LateLink())], ids=["pageable", "staged"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_the_receiver_may_change_a_slab(transfer: Transfer, dtype: str) -> None:
    sent = arrays(dtype)
    before = [array.copy() for array in sent]
    for tensor in transfer.uploads(sent, CPU):
        tensor.zero_()
    for array, was in zip(sent, before, strict=True):
        np.testing.assert_array_equal(array, was)


def test_the_copy_of_the_next_slab_has_begun_when_a_slab_is_worked_on() -> None:
    link = LateLink()
    for _ in Staged(link).uploads(arrays(), CPU):
        link.log.append("work")
    assert link.log[:7] == ["send", "send", "arrive", "work", "finish", "send", "arrive"]


def test_nothing_is_sent_where_there_is_no_slab() -> None:
    assert list(Staged(LateLink()).uploads([], CPU)) == []


@pytest.mark.parametrize("transfer", [Pageable(), Staged(LateLink())], ids=["pageable", "staged"])
def test_every_output_is_filled_at_the_end_of_the_downloads(transfer: Transfer) -> None:
    labels = np.zeros((13, 4, 5), np.uint8)
    turned = labels[::-1, :, ::-1]
    tensors = [torch.randint(0, 90, (size, 4, 5), dtype=torch.uint8) for size in (3, 3, 3, 3, 1)]
    with transfer.downloads() as download:
        for start, tensor in zip(range(0, 13, 3), tensors):
            download(tensor, turned[start : start + 3])
    np.testing.assert_array_equal(turned, torch.cat(tensors).numpy())


def test_labels_are_fetched_while_the_next_are_computed() -> None:
    link = LateLink()
    with Staged(link).downloads() as download:
        for _ in range(3):
            link.log.append("work")
            download(torch.zeros(1, 1, 1, dtype=torch.uint8), np.zeros((1, 1, 1), np.uint8))
    assert link.log == ["work", "fetch", "work", "fetch", "work", "finish", "fetch", "finish", "finish"]


def test_an_error_between_downloads_is_not_hidden() -> None:
    with pytest.raises(KeyboardInterrupt), Staged(LateLink()).downloads() as download:
        download(torch.zeros(1, 1, 1, dtype=torch.uint8), np.zeros((1, 1, 1), np.uint8))
        raise KeyboardInterrupt


@pytest.mark.parametrize("megabytes", [0.001, 0.02, 0.5, 24.0])
def test_resampling_and_labels_are_the_same_by_staged_copies(megabytes: float) -> None:
    random = np.random.default_rng(1)
    voxels = random.integers(-1000, 1000, (23, 40, 36)).astype(np.int16)[:, ::-1]
    plain, staged = Slabs(megabytes), Slabs(megabytes, transfer=Staged(LateLink()))
    grids = [resample_to_grid(voxels, Box.whole(voxels.shape), (8, 12, 12), CPU, slabs) for slabs in (plain, staged)]
    torch.testing.assert_close(grids[0], grids[1], rtol=0, atol=0)
    logits = torch.randn(5, 8, 12, 12)
    found = np.zeros((2, 2, *voxels.shape), np.uint8)
    for slabs, (labels, uncertainty) in zip((plain, staged), found):
        logits_to_labels(logits, labels[::-1], slabs, uncertainty)
    np.testing.assert_array_equal(*found)
