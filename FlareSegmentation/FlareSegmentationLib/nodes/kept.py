"""The report of a run that left segments to the user: volume and HU of what changed are measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer
from flareseg.core.boxes import Slices
from flareseg.core.organs import Organ
from flareseg.core.report import OrganFacts, Report
from slicer.i18n import tr as _

from ..names import organName
from .edits import POSSIBLE_ORGANS
from .layers import WHOLE

_ORDER = [organ.name for organ in POSSIBLE_ORGANS]


def withKept(
    report: Report,
    written: Sequence[Organ],
    masks: dict[Organ, np.ndarray],
    labels: np.ndarray,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
    box: Slices = WHOLE,
) -> Report:
    """Return the report of the written and kept organs, measured again for those that were cut by kept ones.

    ``masks``: bool (k, j, i) in ``box`` of the volume's grid, of each kept organ. ``written``: the others, whose
    voxels ``labels`` (uint8, in the same box) holds.
    """
    if not masks and len(written) == len(report.organs):
        return report
    found = {facts.name: facts for facts in report.organs}
    hu, voxelMl = slicer.util.arrayFromVolume(volumeNode)[box], float(np.prod(volumeNode.GetSpacing())) / 1000
    facts = [_cut(found[organ.name], labels == organ.label, hu, voxelMl) for organ in written]
    note = [_("edited by hand, kept")]
    for organ, mask in masks.items():
        facts.append(measured(OrganFacts(organ.label, organ.name, 0, 0.0, note), mask, hu, voxelMl))
    return replace(report, organs=sorted(facts, key=lambda facts: _ORDER.index(facts.name)))


def withDeleted(report: Report, deleted: Sequence[Organ]) -> Report:
    """The report with a warning that names the organs whose segment the user deleted."""
    if not deleted:
        return report
    names = [organ.name for organ in deleted]
    warning = _(
        "Not segmented again, because the segment was deleted: {organs}. To get it back, make a new result."
    ).format(organs=", ".join(organName(name) for name in names))
    return replace(report, warnings=[*report.warnings, warning])


def _cut(facts: OrganFacts, mask: np.ndarray, hu: np.ndarray, voxelMl: float) -> OrganFacts:
    """Return the engine's facts of an organ that was written whole, and new ones of one that a kept segment cuts."""
    return facts if np.count_nonzero(mask) == facts.voxels else measured(facts, mask, hu, voxelMl)


def measured(facts: OrganFacts, mask: np.ndarray, hu: np.ndarray, voxelMl: float) -> OrganFacts:
    """Return the facts with voxels, volume and HU measured in the mask, which fills the array of HU."""
    values = hu[mask].astype(float)
    if not values.size:
        return replace(facts, voxels=0, volume_ml=0.0, mean_hu=None, std_hu=None)
    mean, deviation = round(values.mean(), 1), round(values.std(), 1)
    return replace(facts, voxels=values.size, volume_ml=values.size * voxelMl, mean_hu=mean, std_hu=deviation)
