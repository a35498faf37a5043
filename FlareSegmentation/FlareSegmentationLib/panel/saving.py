"""A result out of the scene: by Slicer's own exporters, and the organ table as CSV."""

from __future__ import annotations

from collections.abc import Callable

import qt
import slicer
from flareseg.core.errors import FlareError
from flareseg.core.report import Report
from slicer.i18n import tr as _

from ..nodes.report_export import writeCsv
from ..nodes.results import scanOf
from .dicom_saving import DicomSaving
from .file_dialog import askedPath

ShownResult = tuple[slicer.vtkMRMLSegmentationNode | None, Report | None]


class SaveMenu:
    """The menu of the button "Save as...". ``result()`` gives the chosen segmentation node and its report."""

    def __init__(self, button: qt.QPushButton, result: Callable[[], ShownResult]) -> None:
        self._result = result
        self.dicomSaving = DicomSaving()
        menu = qt.QMenu(button)
        self._add(menu, _("Files (NIfTI, NRRD, STL, OBJ)..."), self.saveFiles)
        self._add(menu, _("Organ table (CSV)..."), self.saveTable)
        if hasattr(slicer, "qSlicerDICOMExportDialog"):  # a Slicer may be built without DICOM
            menu.addSeparator()
            self._add(menu, _("DICOM segmentation and report..."), self.saveDicom)
            self._add(menu, _("Slicer's DICOM export..."), self.exportDicom)
        button.setMenu(menu)

    def saveFiles(self, _checked: bool = False) -> None:
        """In the dialog that the Segment Editor shows for "Export to files"."""
        node, _report = self._result()
        if node is None:
            return
        dialog = qt.QDialog(slicer.util.mainWindow())
        dialog.setWindowTitle(_("Export segments to files"))
        layout = qt.QVBoxLayout(dialog)
        widget = slicer.qMRMLSegmentationFileExportWidget(dialog)
        widget.setMRMLScene(slicer.mrmlScene)
        widget.setSegmentationNode(node)
        widget.setSettingsKey("ExportSegmentsToFiles")  # with the choices made in the Segment Editor
        widget.connect("exportToFilesDone()", dialog.accept)
        layout.addWidget(widget)
        dialog.exec_()
        dialog.deleteLater()

    def saveDicom(self, _checked: bool = False) -> None:
        """As objects of the series that the scan was loaded from."""
        node, report = self._result()
        if node is not None and report is not None:
            self.dicomSaving.save(node, report)

    def exportDicom(self, _checked: bool = False) -> None:
        """In Slicer's dialog for DICOM, with the result in the study of its scan, where Slicer needs it."""
        node, _report = self._result()
        if node is None:
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
        item, scanItem = hierarchy.GetItemByDataNode(node), hierarchy.GetItemByDataNode(scanOf(node))
        if item and scanItem:
            hierarchy.SetItemParent(item, hierarchy.GetItemParent(scanItem))
        dialog = slicer.qSlicerDICOMExportDialog(None)
        dialog.setMRMLScene(slicer.mrmlScene)
        dialog.execDialog(item)

    def saveTable(self, _checked: bool = False) -> None:
        node, report = self._result()
        if node is None or report is None:
            return
        path = askedPath(_("Save organ table"), f"{node.GetName()}.csv", _("CSV (*.csv)"), ".csv")
        if path is None:
            return
        try:
            writeCsv(report, node, path)
        except FlareError as error:
            slicer.util.errorDisplay(str(error))

    def _add(self, menu: qt.QMenu, text: str, slot: Callable[[bool], None]) -> None:
        action = qt.QAction(text, menu)
        action.connect("triggered(bool)", slot)
        menu.addAction(action)
