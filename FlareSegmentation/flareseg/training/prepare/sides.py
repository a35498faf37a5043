"""Separation of the right and left kidney in label maps that give both one label."""

from __future__ import annotations

import numpy as np

from flareseg.core.organs import LEFT_KIDNEY, RIGHT_KIDNEY
from flareseg.inference.kidneys import TISSUE_HU, split_kidneys
from flareseg.training.prepare.found import ImportedAnatomy
from flareseg.training.tissues import Tissue

_MIDDLE = (Tissue.CORD, Tissue.SPONGY_BONE, Tissue.BONE, Tissue.ARTERY)  # the first of these that is there


def with_sides(anatomy: ImportedAnatomy) -> np.ndarray:
    """The tissues with RIGHT_KIDNEY and LEFT_KIDNEY by the side on which each lies."""
    if not anatomy.kidneys_joined:
        return anatomy.tissues
    tissues = anatomy.tissues.copy()
    labels = np.where(tissues == Tissue.RIGHT_KIDNEY, RIGHT_KIDNEY.label, 0).astype(np.uint8)
    split_kidneys(labels, _midline(anatomy))
    tissues[labels == LEFT_KIDNEY.label] = Tissue.LEFT_KIDNEY
    return tissues


def _midline(anatomy: ImportedAnatomy) -> float:
    """The column of the body's middle: of the tissue in the CT, of the spine or aorta, or half-way between liver and
    spleen."""
    if anatomy.hu is not None:
        return _mean_column(anatomy.hu > TISSUE_HU)
    for tissue in _MIDDLE:
        if (found := anatomy.tissues == tissue).any():
            return _mean_column(found)
    liver, spleen = (anatomy.tissues == tissue for tissue in (Tissue.LIVER, Tissue.SPLEEN))
    if liver.any() and spleen.any():
        return (_mean_column(liver) + _mean_column(spleen)) / 2
    return (anatomy.tissues.shape[2] - 1) / 2


def _mean_column(mask: np.ndarray) -> float:
    counts = mask.sum(axis=(0, 1))
    return float(counts @ np.arange(len(counts)) / max(1, counts.sum()))
