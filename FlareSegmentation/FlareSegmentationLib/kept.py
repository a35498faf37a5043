"""The report of a run that left edited segments alone: their facts are measured from the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import slicer
from flareseg.organs import Organ
from flareseg.report import OrganFacts, Report
from slicer.i18n import tr as _


def withKept(
    report: Report,
    written: Sequence[Organ],
    masks: dict[Organ, np.ndarray],
    volumeNode: slicer.vtkMRMLScalarVolumeNode,
) -> Report:
    """``masks``: bool (k, j, i) on the volume's grid, of each kept organ; ``written``: the others."""
    if not masks:
        return report
    names = {organ.name for organ in written}
    facts = [found for found in report.organs if found.name in names]
    facts += [_facts(organ, mask, volumeNode) for organ, mask in masks.items()]
    return replace(report, organs=sorted(facts, key=lambda found: found.label))


def _facts(organ: Organ, mask: np.ndarray, volumeNode: slicer.vtkMRMLScalarVolumeNode) -> OrganFacts:
    voxels = int(np.count_nonzero(mask))
    note = [_("edited by hand, kept")]
    if not voxels:
        return OrganFacts(organ.label, organ.name, 0, 0.0, note)
    hu = slicer.util.arrayFromVolume(volumeNode)[mask].astype(float)
    volume = voxels * float(np.prod(volumeNode.GetSpacing())) / 1000
    return OrganFacts(organ.label, organ.name, voxels, volume, note, round(hu.mean(), 1), round(hu.std(), 1))
