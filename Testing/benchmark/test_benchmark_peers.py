"""The peers are nnU-Net's own predictor with the networks of the real configurations."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from flareseg.core.measure import StageClock
from flareseg.core.volume import Volume
from flareseg.io.reading import read_volume
from flareseg.phantom import Phantom

pytest.importorskip("nnunetv2", reason='the peers are not installed (pip install ".[bench]")')

from flareseg.benchmark import peers
from flareseg.benchmark.sampling import ENOUGH_PASSES
from flareseg.benchmark.scans import write_with_slices

SMALL = replace(
    peers.NNUNET, features=(4, 8), strides=((1, 1, 1), (2, 2, 2)), patch=(16, 32, 32), spacing=(6.4, 8.0, 8.0)
)


@pytest.fixture(scope="module")
def scan_file(phantom: Phantom, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom in 40 slices of 48x48 voxels of 8 mm."""
    path = tmp_path_factory.mktemp("peers") / "scan.nii.gz"
    write_with_slices(path, phantom.volume, 40, in_plane=48)
    return path


@pytest.fixture
def scan(scan_file: Path) -> Volume:
    return read_volume(scan_file)


def parameters(configuration: peers.Configuration) -> int:
    return sum(p.numel() for p in configuration.network().parameters())


def test_the_baseline_has_30_8_million_parameters():
    assert parameters(peers.NNUNET) == 30_788_409


def test_the_3_mm_network_has_16_6_million_parameters_and_118_classes():
    assert parameters(peers.TOTAL_FAST) == 16_603_736
    assert peers.TOTAL_FAST.classes == 118


def test_the_predictor_cuts_512x512x160_of_the_baseline_s_spacing_into_90_patches():
    predictor = peers.NnUnet(peers.NNUNET, "cpu").predictor
    assert len(predictor._internal_get_sliding_window_slicers((160, 512, 512))) == 90


@pytest.mark.parametrize(("mirroring", "passes_a_patch"), [(False, 1), (True, 8)])
def test_the_predictor_asks_for_every_patch_and_only_a_few_are_run(
    scan_file: Path, mirroring: bool, passes_a_patch: int
):
    subject = peers.NnUnet(SMALL, "cpu", mirroring)
    image = subject.read(scan_file)
    subject.segment(image, StageClock())
    size = [round(n * mm / new) for n, mm, new in zip((40, 48, 48), (8, 8, 8), SMALL.spacing)]
    patches = math.prod(math.ceil((n - p) / (p / 2)) + 1 for n, p in zip(size, SMALL.patch))
    assert subject.sampling is not None
    assert subject.sampling.passes == passes_a_patch * patches
    assert len(subject.sampling.seconds) == ENOUGH_PASSES


def test_sampled_or_whole_the_labels_lie_on_the_scan_s_grid(scan_file: Path, scan: Volume, tmp_path: Path):
    subject = peers.NnUnet(SMALL, "cpu")
    image, clock = subject.read(scan_file), StageClock()
    labels = subject.segment(image, clock)
    subject.write(tmp_path / "labels.nii.gz", labels, image)
    written = read_volume(tmp_path / "labels.nii.gz")
    assert written.geometry.is_close_to(scan.geometry)
    assert np.array_equal(written.voxels, labels)
    assert {stage.name for stage in clock.stages} == {"preprocess", "network", "postprocess"}


def test_where_all_passes_are_run_the_predictor_is_left_as_it_is(scan_file: Path):
    torch.manual_seed(0)
    subject = peers.NnUnet(SMALL, "cpu")
    image = subject.read(scan_file)
    subject.predictor.network = whole = subject.predictor.network.network
    subject.predictor.list_of_parameters = [whole.state_dict()]
    labels = subject.segment(image, StageClock())
    assert subject.sampling is not None
    assert subject.sampling.passes == 0
    assert labels.max() < SMALL.classes


def test_the_3_mm_way_brings_its_labels_back_to_the_scan(scan_file: Path, scan: Volume):
    small = replace(SMALL, spacing=(12.0, 12.0, 12.0))
    subject = peers.TotalFast(peers.NnUnet(small, "cpu"))
    labels = subject.segment(subject.read(scan_file), StageClock())
    assert labels.shape == scan.voxels.shape
