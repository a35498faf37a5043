"""Networks that are recorded once and replayed: on a GPU one launch in place of hundreds."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from flareseg.inference.gpu_check import is_out_of_memory

Compute = Callable[[], Tensor]
Replay = Callable[[], object]
Record = Callable[[Compute], tuple[Tensor, Replay]]

_log = logging.getLogger(__name__)

_WARM_UP = 3  # passes before the recording, in which the libraries set up what they need


class RecordedNetwork(nn.Module):
    """A network without gradients, for inputs of one shape and type. Its layers run once, then they are replayed.

    Args:
        network: The network in evaluation mode.
        example: An input, (batch, channels, k, j, i), on the device. It becomes the memory of all inputs.
        record: Computes once; returns the result, and a function that computes it again on the same memory.
    """

    def __init__(self, network: nn.Module, example: Tensor, record: Record) -> None:
        super().__init__()
        self._network = network  # a recording holds no more than the addresses of the weights
        self._input = example
        with torch.inference_mode():
            self._output, self._replay = record(lambda: network(example))

    def forward(self, x: Tensor) -> Tensor:
        """Return what the network returns for ``x``. Raises ValueError for an input of another shape."""
        if x.shape != self._input.shape:
            raise ValueError(f"recorded for an input of {tuple(self._input.shape)}, not {tuple(x.shape)}")
        with torch.inference_mode():
            self._input.copy_(x)
            self._replay()
            return self._output.clone()  # the next replay overwrites it


def recorded(network: nn.Module, example: Tensor, record: Record | None = None) -> nn.Module:
    """Record a network as a CUDA graph; where the memory does not suffice, return the network itself.

    Any other failure is raised: it may leave PyTorch's allocator in the mode of a recording, in which it frees little.
    """
    try:
        return RecordedNetwork(network, example, record or cuda_graph)
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        _log.warning("A network was not recorded as a CUDA graph: %s", error)
        return network


def cuda_graph(compute: Compute) -> tuple[Tensor, Replay]:
    """Record a computation on the current CUDA device, after passes on another stream as PyTorch asks for."""
    with torch.cuda.stream(torch.cuda.current_stream()):  # a recording that fails would leave its own
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP):
                compute()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            result = compute()
        return result, graph.replay
