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

from benchmarks.sampling import MOST_PASSES
from benchmarks.scans import write_with_slices

pytest.importorskip("nnunetv2", reason='the peers are not installed (pip install ".[bench]")')

from nnunetv2.inference.sliding_window_prediction import compute_steps_for_sliding_window

from benchmarks import peers

SMALL = replace(
    peers.BASELINE, features=(4, 8), strides=((1, 1, 1), (2, 2, 2)), patch=(16, 32, 32), spacing=(6.4, 8.0, 8.0)
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


def patches(configuration: peers.Configuration, size: tuple[int, int, int]) -> int:
    """How many nnU-Net cuts a scan of this size into."""
    steps = compute_steps_for_sliding_window(size, configuration.patch, configuration.step)
    return math.prod(len(places) for places in steps)


def test_the_baseline_has_30_8_million_parameters():
    assert parameters(peers.BASELINE) == 30_788_409


@pytest.mark.parametrize("configuration", [peers.FAST, peers.FASTEST])
def test_both_networks_of_totalsegmentator_have_16_6_million_parameters_and_118_classes(configuration):
    assert parameters(configuration) == 16_603_736
    assert configuration.classes == 118


def test_nnu_net_cuts_512x512x160_of_the_baseline_s_spacing_into_90_patches():
    assert patches(peers.BASELINE, (160, 512, 512)) == 90


def test_the_predictor_asks_for_every_patch_and_only_a_few_are_run(scan_file: Path):
    subject = peers.NnUnet(SMALL, "cpu")
    subject.segment(subject.read(scan_file), StageClock())
    size = [round(n * mm / new) for n, mm, new in zip((40, 48, 48), (8, 8, 8), SMALL.spacing)]
    assert subject.sampled is not None
    assert subject.sampled.passes == patches(SMALL, (size[0], size[1], size[2])) > MOST_PASSES
    assert len(subject.sampled.run) == MOST_PASSES


def test_the_labels_lie_on_the_scan_s_grid(scan_file: Path, scan: Volume, tmp_path: Path):
    subject = peers.NnUnet(SMALL, "cpu")
    image, clock = subject.read(scan_file), StageClock()
    labels = subject.segment(image, clock)
    subject.write(tmp_path / "labels.nii.gz", labels, image)
    written = read_volume(tmp_path / "labels.nii.gz")
    assert written.geometry.is_close_to(scan.geometry)
    assert np.array_equal(written.voxels, labels)
    assert {stage.name for stage in clock.stages} == {"preprocess", "network", "postprocess"}


def test_a_scan_of_one_patch_is_run_whole_and_gets_labels_of_several_classes(scan_file: Path):
    torch.manual_seed(0)
    subject = peers.NnUnet(replace(SMALL, patch=(64, 64, 64)), "cpu")
    labels = subject.segment(subject.read(scan_file), StageClock())
    assert subject.sampled is not None
    assert (subject.sampled.passes, subject.sampled.left_out) == (1, (0.0, 0.0))
    assert 1 <= labels.max() < SMALL.classes


@pytest.mark.parametrize("millimetres", [12.0, 24.0])
def test_totalsegmentator_s_coarse_labels_come_back_to_the_scan(scan_file: Path, scan: Volume, millimetres: float):
    small = replace(SMALL, patch=(16, 16, 16), spacing=(millimetres,) * 3)
    subject = peers.TotalSegmentator(small, "cpu")
    labels = subject.segment(subject.read(scan_file), StageClock())
    assert labels.shape == scan.voxels.shape
