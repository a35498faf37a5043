"""Optimisations for GPUs are switched by the environment, and leave a CPU as it is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from flareseg.core.errors import ConfigError
from flareseg.inference.cascade import Cascade
from flareseg.inference.device import select_device
from flareseg.inference.engine import Engine
from flareseg.inference.full_size import Networks, load_networks
from flareseg.inference.gpu_switches import GpuSwitches
from flareseg.inference.precision import select_precision
from flareseg.inference.recorded import RecordedNetwork
from flareseg.inference.resample import Slabs
from flareseg.inference.transfer import Staged
from flareseg.inference.weights import TrainedNetwork
from flareseg.phantom import Phantom
from inference.gpu_stand_ins import LateLink, on_the_same_memory


@pytest.mark.parametrize(
    ("words", "switches"),
    [
        ("", GpuSwitches()),
        ("staged", GpuSwitches(staged=True)),
        (" Graphs, channels_last ,", GpuSwitches(graphs=True, channels_last=True)),
        ("staged,large_slabs,staged", GpuSwitches(staged=True, large_slabs=True)),
    ],
)
def test_switches_are_named_in_any_order_and_case(words: str, switches: GpuSwitches) -> None:
    assert GpuSwitches.of(words) == switches


def test_an_unknown_switch_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match='"pinned"') as refused:
        GpuSwitches.of("staged,pinned")
    assert "staged, graphs, channels_last, large_slabs" in refused.value.hint


def test_switches_change_nothing_on_a_cpu(monkeypatch: pytest.MonkeyPatch, cascade: Cascade, phantom: Phantom) -> None:
    monkeypatch.setenv("FLARESEG_GPU", "staged,graphs,channels_last,large_slabs")
    switched = Cascade.load("cpu")
    assert switched.device == cascade.device
    np.testing.assert_array_equal(switched.segment(phantom.volume).labels, cascade.segment(phantom.volume).labels)


def test_staged_copies_and_recorded_networks_give_the_same_labels(cascade: Cascade, phantom: Phantom) -> None:
    device = select_device("cpu")
    precision = select_precision(device)
    engine = Engine.of(device, precision, *load_networks(Networks.CASCADE, None))

    def recorded(trained: TrainedNetwork) -> TrainedNetwork:
        example = precision.tensor(torch.zeros(1, 1, *trained.grid))
        return replace(trained, network=RecordedNetwork(trained.network, example, on_the_same_memory))

    engine = replace(engine, abdomen=recorded(engine.abdomen), organs=recorded(engine.organs))
    engine = replace(engine, slabs=Slabs(2.0, transfer=Staged(LateLink())))
    plain, found = (each.segment(phantom.volume) for each in (cascade, Cascade(engine, [])))
    np.testing.assert_array_equal(found.labels, plain.labels)
    assert found.organs == plain.organs
