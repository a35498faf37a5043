"""The buttons under a result: edit, adjust the region, show the uncertainty, export the report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import qt
import slicer
from flareseg.core.report import Report

from ..nodes.report_export import addTables, asText
from ..nodes.results import readReport, scanOf
from ..nodes.roi import Region, middleOf, showRegion
from ..nodes.uncertainty import showUncertainty
from ..nodes.volumes import volumeOf
from .editor import openEditor
from .organ_table import organToCheck
from .saving import SaveMenu

_ICONS = Path(__file__).resolve().parents[2] / "Resources" / "Icons"


class ResultActions:
    """``parameters()`` gives the parameter node of the moment, or None while there is no scene."""

    def __init__(self, ui: Any, parameters: Callable[[], Any]) -> None:
        self._parameters = parameters
        for button, icon in (
            (ui.editButton, "Edit"),
            (ui.adjustRegionButton, "Region"),
            (ui.showUncertaintyButton, "Uncertainty"),
            (ui.copyReportButton, "CopyReport"),
            (ui.keepTableButton, "Table"),
        ):
            button.setIcon(qt.QIcon(str(_ICONS / f"{icon}.png")))
        self.saveMenu = SaveMenu(ui.saveButton, self._result)
        ui.editButton.connect("clicked(bool)", self.edit)
        ui.adjustRegionButton.connect("clicked(bool)", self.adjustRegion)
        ui.showUncertaintyButton.connect("toggled(bool)", self.showUncertainty)
        ui.copyReportButton.connect("clicked(bool)", self.copyReport)
        ui.keepTableButton.connect("clicked(bool)", self.keepTable)

    def edit(self, _checked: bool = False) -> None:
        node, report = self._result()
        if node and report:
            openEditor(node, scanOf(node), organToCheck(report))

    def adjustRegion(self, _checked: bool = False) -> None:
        """Show the box of the result, or the middle of a scan that has none, and segment inside it from now on."""
        parameters = self._parameters()
        if not parameters or not parameters.scan:
            return
        _node, report = self._result()
        isOwn = report is not None and report.roi_source == "caller" and parameters.roi is not None
        if isOwn:  # the box of the person, who may have moved it since
            parameters.roi.SetDisplayVisibility(True)
        else:
            bounds = report.roi if report else middleOf(volumeOf(parameters.scan).geometry)
            parameters.roi = showRegion(parameters.roi, bounds, parameters.scan)
        parameters.region = Region.ROI

    def showUncertainty(self, isShown: bool) -> None:
        node, _report = self._result()
        showUncertainty(node, isShown)

    def copyReport(self, _checked: bool = False) -> None:
        node, report = self._result()
        if node and report:
            slicer.app.clipboard().setText(asText(report, node))

    def keepTable(self, _checked: bool = False) -> None:
        node, report = self._result()
        if node and report:
            addTables(report, node)

    def _result(self) -> tuple[slicer.vtkMRMLSegmentationNode | None, Report | None]:
        parameters = self._parameters()
        node = parameters.result if parameters else None
        return node, readReport(node)
