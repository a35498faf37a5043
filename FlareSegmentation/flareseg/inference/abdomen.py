"""The abdomen: where the ROI network finds it, and the refusal of scans that show none."""

from __future__ import annotations

import numpy as np
import torch

from flareseg.core.errors import NoAbdomenError
from flareseg.core.geometry import Geometry
from flareseg.core.run import Run
from flareseg.inference.anatomy import Overview, contradiction
from flareseg.inference.engine import Engine
from flareseg.inference.kidneys import TISSUE_HU
from flareseg.inference.resample import Box, Slabs
from flareseg.inference.roi import box_of_foreground

LEAST_TISSUE = 0.01  # share of the scan
_RESAMPLING_SHARE = 0.5  # of the time that finding the abdomen takes


def find_abdomen(
    engine: Engine, voxels: np.ndarray, geometry: Geometry, run: Run, slabs: Slabs
) -> tuple[Box, Overview]:
    """Find the box around the abdomen.

    Args:
        engine: The networks.
        voxels: The scan in HU, (k, j, i) in canonical orientation.
        geometry: Its grid.
        run: Receives progress.
        slabs: How the scan is read.

    Returns:
        The box, and the scan as the ROI network saw it.

    Raises:
        NoAbdomenError: The scan is nearly empty, or the network finds nothing in it.
    """
    with run.part(0.0, _RESAMPLING_SHARE):
        coarse = engine.resampled(engine.abdomen, voxels, Box.whole(geometry.shape), geometry, slabs)
    if float((coarse > TISSUE_HU).float().mean()) < LEAST_TISSUE:  # instance norm would blow up the noise of air
        raise nothing_found("No abdomen found in this scan.")
    with run.part(_RESAMPLING_SHARE, 1.0):
        logits = engine.logits(engine.abdomen, coarse, run)
        if logits.shape[1:] != coarse.shape:  # of a network of one's own with coarser logits
            logits = torch.nn.functional.interpolate(logits[None], coarse.shape, mode="trilinear")[0]
    overview = Overview(coarse.cpu().numpy(), (logits[1] > logits[0]).cpu().numpy(), geometry)
    box = box_of_foreground(overview.abdomen, geometry)
    if box is None:
        raise nothing_found("No abdomen found in this scan.")
    return box, overview


def require_abdomen(labels: np.ndarray, overview: Overview | None) -> None:
    """Raise NoAbdomenError where the labels (canonical, of the whole scan) contradict an abdomen."""
    if overview is not None and (reason := contradiction(labels, overview)):
        raise nothing_found(f"No abdomen found in this scan: {reason}.")


def nothing_found(message: str) -> NoAbdomenError:
    """Return the error for a scan without an abdomen or without organs."""
    return NoAbdomenError(
        message, "Check that it is a CT of the abdomen in HU, or give the region (ROI) that holds it."
    )
