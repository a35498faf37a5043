"""Export of a report: as text for the clipboard, as table nodes that are saved with the scene, as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from pathlib import Path

import slicer
import vtk
from flareseg.core.report import OrganFacts, Report
from flareseg.io.outputs import write_text
from slicer.i18n import tr as _

from ..names import organName, stageName
from .positions import SlicePositions, slicePositions
from .report_text import checkHere, confidence, meanHu, seconds, stagesShown, totals, volume
from .results import waited

TableColumn = tuple[vtk.vtkAbstractArray, str, str]  # values, unit, title


def asText(report: Report, segmentationNode: slicer.vtkMRMLSegmentationNode) -> str:
    """Return the report as plain text: organs, warnings, stages, totals, weights. Node names are left out."""
    positions = slicePositions(segmentationNode)
    organs = [[_("Organ"), _("Volume"), _("Mean HU"), _("Confidence"), _("Check here")]]
    organs += [[organName(o.name), volume(o), meanHu(o), confidence(o), checkHere(o, positions)] for o in report.organs]
    stages = [[stageName(stage.name), f"{seconds(stage.seconds)} s"] for stage in stagesShown(report)]
    size = " x ".join(str(n) for n in reversed(report.scan.shape))
    spacing = " x ".join(f"{s:.3g}" for s in reversed(report.scan.spacing))
    parts = [
        f"FlareSegmentation {report.version} · {size} · {spacing} mm",
        _columns(organs),
        "\n".join(report.warnings),
        _columns(stages),
        totals(report, waited(segmentationNode)),
        _("Weights: {weights}. For research use only, not for diagnosis.").format(weights=_weights(report)),
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def addTables(
    report: Report, segmentationNode: slicer.vtkMRMLSegmentationNode
) -> tuple[slicer.vtkMRMLTableNode, slicer.vtkMRMLTableNode]:
    """A table of the organs and one of time and memory, numbers as numbers; those of an earlier call are updated."""
    name = segmentationNode.GetName()
    organs = _tableNode(segmentationNode, "FlareSegmentation.Table", _("{result} report").format(result=name))
    costs = _tableNode(segmentationNode, "FlareSegmentation.CostTable", _("{result} time").format(result=name))
    _fill(organs, _organColumns(report.organs, slicePositions(segmentationNode)))
    _fill(costs, _costColumns(report, waited(segmentationNode)))
    for node in (organs, costs):
        node.SetDescription(_origin(report))
    return organs, costs


def writeCsv(report: Report, segmentationNode: slicer.vtkMRMLSegmentationNode, path: Path) -> None:
    """The table of the organs as a file. Raises OutputError."""
    columns = _organColumns(report.organs, slicePositions(segmentationNode))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([f"{title} [{unit}]" if unit else title for _array, unit, title in columns])
    for row in range(len(report.organs)):
        values = [array.GetValue(row) for array, _unit, _title in columns]
        writer.writerow(["" if value != value else value for value in values])  # no number is an empty field
    write_text(path, text.getvalue())


def _tableNode(segmentationNode: slicer.vtkMRMLSegmentationNode, role: str, name: str) -> slicer.vtkMRMLTableNode:
    """The table that the segmentation refers to by ``role``, new or again."""
    node = segmentationNode.GetNodeReference(role)
    if node is None:
        name = slicer.mrmlScene.GenerateUniqueName(name)
        node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTableNode", name)
        segmentationNode.SetNodeReferenceID(role, node.GetID())
    return node


def _fill(node: slicer.vtkMRMLTableNode, columns: list[TableColumn]) -> None:
    node.RemoveAllColumns()
    node.SetUseColumnTitleAsColumnHeader(True)
    for array, unit, title in columns:
        node.AddColumn(array)
        node.SetColumnTitle(array.GetName(), title)
        node.SetColumnUnitLabel(array.GetName(), unit)


def _costColumns(report: Report, waitedSeconds: float | None) -> list[TableColumn]:
    """Return one row per stage, then their sum, how long a person waited, and the peaks of memory."""
    rows = [(stageName(stage.name), stage.seconds, "s") for stage in report.stages]
    rows.append((_("Engine"), report.total_seconds, "s"))
    if waitedSeconds is not None:
        rows.append((_("Total"), waitedSeconds, "s"))
    rows += [(_("RAM peak"), report.memory.peak_ram_mb, "MB")]
    if report.memory.peak_gpu_allocated_mb is not None:
        rows.append((_("GPU memory peak"), report.memory.peak_gpu_allocated_mb, "MB"))
    names, values, units = zip(*rows)
    return [
        (_array(vtk.vtkStringArray, "What", names), "", _("What")),
        (_array(vtk.vtkDoubleArray, "Value", values), "", _("Value")),
        (_array(vtk.vtkStringArray, "Unit", units), "", _("Unit")),
    ]


def _origin(report: Report) -> str:
    """Return version, weights and device of the result, in one line."""
    device = f"{report.device.name}, {report.device.dtype}"
    return " · ".join([f"FlareSegmentation {report.version}", device, _weights(report)])


def _weights(report: Report) -> str:
    return ", ".join(f"{w.name} (sha256 {w.sha256[:12]})" for w in report.weights)


def _organColumns(organs: list[OrganFacts], positions: SlicePositions | None) -> list[TableColumn]:
    """Return one row per organ."""
    nan = float("nan")
    numbers = [
        ("Volume", "mL", [o.volume_ml for o in organs]),
        ("MeanHU", "HU", [nan if o.mean_hu is None else o.mean_hu for o in organs]),
        ("StdHU", "HU", [nan if o.std_hu is None else o.std_hu for o in organs]),
        ("Confidence", "%", [nan if o.confidence is None else 100 * o.confidence for o in organs]),
    ]
    titles = {
        "Volume": _("Volume"),
        "MeanHU": _("Mean"),
        "StdHU": _("Standard deviation"),
        "Confidence": _("Confidence"),
    }
    columns = [(_array(vtk.vtkStringArray, "Organ", [organName(o.name) for o in organs]), "", _("Organ"))]
    columns += [(_array(vtk.vtkDoubleArray, name, values), unit, titles[name]) for name, unit, values in numbers]
    checks = [checkHere(o, positions) for o in organs]
    columns.append((_array(vtk.vtkStringArray, "CheckHere", checks), "", _("Check here")))
    return columns


def _array(kind: type, name: str, values: Iterable) -> vtk.vtkAbstractArray:
    array = kind()
    array.SetName(name)
    for value in values:
        array.InsertNextValue(value)
    return array


def _columns(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows)]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows)
