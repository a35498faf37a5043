"""A report outside the panel: as text for the clipboard, and as a table node that is saved with the scene."""

from __future__ import annotations

import slicer
import vtk
from flareseg.report import STAGES, OrganFacts, Report
from slicer.i18n import tr as _

from .organ_table import checkHere, meanHu, sure, volume
from .readouts import seconds, totals


def asText(report: Report) -> str:
    """Readable in any e-mail: organs, warnings, stages, totals, and what made it. Holds no node's name."""
    organs = [[_("Organ"), _("Volume"), _("Mean HU"), _("Sure"), _("Check here")]]
    organs += [[o.name, volume(o), meanHu(o), sure(o), checkHere(o)] for o in report.organs]
    stages = [[STAGES.get(stage.name, stage.name), f"{seconds(stage.seconds)} s"] for stage in report.stages]
    weights = ", ".join(f"{w.name} (sha256 {w.sha256[:12]})" for w in report.weights)
    size = " x ".join(str(n) for n in reversed(report.scan.shape))
    spacing = " x ".join(f"{s:.3g}" for s in reversed(report.scan.spacing))
    parts = [
        f"FlareSegmentation {report.version} · {size} · {spacing} mm",
        _columns(organs),
        "\n".join(report.warnings),
        _columns(stages),
        totals(report),
        _("Weights: {weights}. For research use only, not for diagnosis.").format(weights=weights),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def addTable(report: Report, segmentationNode: slicer.vtkMRMLSegmentationNode) -> slicer.vtkMRMLTableNode:
    """One row an organ, numbers as numbers (mL, HU, percent); updated when the result has a table already."""
    role = "FlareSegmentation.Table"
    node = segmentationNode.GetNodeReference(role)
    if node is None:
        name = slicer.mrmlScene.GenerateUniqueName(_("{result} report").format(result=segmentationNode.GetName()))
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
        segmentationNode.SetNodeReferenceID(role, node.GetID())
    node.RemoveAllColumns()
    node.SetUseColumnTitleAsColumnHeader(True)
    for array, unit, title in _arrays(report.organs):
        node.AddColumn(array)
        node.SetColumnTitle(array.GetName(), title)
        node.SetColumnUnitLabel(array.GetName(), unit)
    return node


def _arrays(organs: list[OrganFacts]) -> list[tuple[vtk.vtkAbstractArray, str, str]]:
    """Columns with their units and titles."""
    nan = float("nan")
    numbers = [
        ("Volume", "mL", [o.volume_ml for o in organs]),
        ("MeanHU", "HU", [nan if o.mean_hu is None else o.mean_hu for o in organs]),
        ("StdHU", "HU", [nan if o.std_hu is None else o.std_hu for o in organs]),
        ("Sure", "%", [nan if o.confidence is None else 100 * o.confidence for o in organs]),
    ]
    titles = {"Volume": _("Volume"), "MeanHU": _("Mean"), "StdHU": _("Standard deviation"), "Sure": _("Sure")}
    columns = [(_array(vtk.vtkStringArray, "Organ", [o.name for o in organs]), "", _("Organ"))]
    columns += [(_array(vtk.vtkDoubleArray, name, values), unit, titles[name]) for name, unit, values in numbers]
    columns.append((_array(vtk.vtkStringArray, "CheckHere", [checkHere(o) for o in organs]), "", _("Check here")))
    return columns


def _array(kind: type, name: str, values: list) -> vtk.vtkAbstractArray:
    array = kind()
    array.SetName(name)
    for value in values:
        array.InsertNextValue(value)
    return array


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)
