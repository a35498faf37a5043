"""The report of a run that kept edited segments: their volume and HU are measured again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer
from flareseg.core.organs import Organ
from flareseg.core.report import OrganFacts, Report
from slicer.i18n import tr as _


def withKept(
    report: Report,
    written: Sequence[Organ],
    masks: dict[Organ, np.ndarray],
    labels: np.ndarray,
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
) -> Report:
    """The report with the facts of the kept organs, and of the organs that were cut by them.

    ``masks``: bool (k, j, i) on the volume's grid, of each kept organ. ``written``: the others, of which
    the k-th has label k + 1 in ``labels`` (uint8 (k, j, i)).
    """
    if not masks:
        return report
    found = {facts.name: facts for facts in report.organs}
    facts = [_cut(found[organ.name], labels == k, volumeNode) for k, organ in enumerate(written, start=1)]
    note = [_("edited by hand, kept")]
    for organ, mask in masks.items():
        facts.append(_measured(OrganFacts(organ.label, organ.name, 0, 0.0, note), mask, volumeNode))
    return replace(report, organs=sorted(facts, key=lambda facts: facts.label))


def _cut(facts: OrganFacts, mask: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> OrganFacts:
    """The engine's facts where its organ was written whole."""
    return facts if np.count_nonzero(mask) == facts.voxels else _measured(facts, mask, volumeNode)


def _measured(facts: OrganFacts, mask: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> OrganFacts:
    """Voxels, volume and HU of what is there."""
    voxels = int(np.count_nonzero(mask))
    if not voxels:
        return replace(facts, voxels=0, volume_ml=0.0, mean_hu=None, std_hu=None)
    hu = slicer.util.arrayFromVolume(volumeNode)[mask].astype(float)
    volume = voxels * float(np.prod(volumeNode.GetSpacing())) / 1000
    return replace(facts, voxels=voxels, volume_ml=volume, mean_hu=round(hu.mean(), 1), std_hu=round(hu.std(), 1))
