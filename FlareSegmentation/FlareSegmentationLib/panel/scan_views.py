"""The views follow the panel: they show the chosen scan with what belongs to it, and nothing of another scan."""

from __future__ import annotations

from typing import NamedTuple

import slicer
import vtk

from .. import settings
from ..nodes.results import readReport, scanOf
from ..nodes.surfaces import buildSurfaces
from ..nodes.uncertainty import isUncertaintyShown, showUncertainty
from ..nodes.visibility import hideOthers, hideUntilChosen, isFirstOfScan, setVisible, showOwn
from ..nodes.volumes import showAbdomenWindow
from .places import showMiddle


class _Sight(NamedTuple):
    """What part of space a slice view shows."""

    sliceToRas: vtk.vtkMatrix4x4
    width: float
    thickness: float


class ScanViews:
    """Changes the views when another scan, result or box is chosen than before; one object for each scene."""

    def __init__(self) -> None:
        self._scan: slicer.vtkMRMLScalarVolumeNode | None = None
        self._result: slicer.vtkMRMLSegmentationNode | None = None
        self._box: slicer.vtkMRMLMarkupsROINode | None = None
        self._isPending = False  # the scan has no voxels yet that a view could be fitted to
        self._sights: dict[str, dict[str, _Sight]] = {}  # by the identifiers of scan and slice node
        self._centred: set[str] = set()  # scans whose surfaces the 3D views were centred on
        self._uncertain: dict[str, slicer.vtkMRMLSegmentationNode] = {}  # whose uncertainty lay over a scan

    def adopt(
        self,
        scan: slicer.vtkMRMLScalarVolumeNode | None,
        result: slicer.vtkMRMLSegmentationNode | None,
        box: slicer.vtkMRMLMarkupsROINode | None,
    ) -> None:
        """Take these as chosen and leave the views as they are, as when the panel is entered or a scene was loaded."""
        self._scan, self._result, self._box = scan, result, box

    def chooseScan(self, scan: slicer.vtkMRMLScalarVolumeNode | None) -> bool:
        """Returns whether this is another scan than before."""
        isOther = scan is not self._scan
        if isOther:
            self.showScan(scan)
        return isOther

    def showScan(self, scan: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        """The scan in all slice views, with what was visible when it was shown last."""
        if scan is not self._scan:
            self._leave(self._scan)
        self._scan = scan
        hideOthers(scan)
        if scan is None:
            return
        showOwn(scan)
        self._layUnder(scan)
        uncertain = self._uncertain.pop(scan.GetID(), None)
        if uncertain is not None and uncertain.GetScene():
            showUncertainty(uncertain, True)

    def showVoxels(self) -> None:
        """The chosen scan has changed: it may have got its voxels only now."""
        if self._isPending and self._scan is not None:
            self._layUnder(self._scan)

    def hideOthers(self) -> None:
        """Again, after a run that may have made something visible."""
        hideOthers(self._scan)

    def chooseResult(self, result: slicer.vtkMRMLSegmentationNode | None) -> None:
        """Another result of the same scan takes the place of the one before, also when none was chosen in between."""
        if result is None or result is self._result:
            return
        before, self._result = self._result, result
        if before is not None and before.GetScene() and scanOf(before) is scanOf(result):
            setVisible(before, False)
            setVisible(result, True)

    def showFinished(self, result: slicer.vtkMRMLSegmentationNode) -> None:
        """A result that was asked for, on its scan."""
        self.showScan(scanOf(result))
        self.chooseResult(result)
        setVisible(result, True)
        if isFirstOfScan(result):
            self._showFirst(result)
        if settings.show3D():
            buildSurfaces(result, self.centre3D)

    def keep(self, result: slicer.vtkMRMLSegmentationNode) -> None:
        """A result that came while another module is shown: visible on its own scan, never over another one."""
        scan = scanOf(result)
        if scan is not None and not _isBackground(scan):
            hideUntilChosen(result)

    def centre3D(self) -> None:
        """The 3D views on what they show, the first time that they show organs of this scan."""
        layout, scan = slicer.app.layoutManager(), self._scan
        if layout is not None and scan is not None and scan.GetID() not in self._centred:
            self._centred.add(scan.GetID())
            layout.resetThreeDViews()

    def chooseBox(self, box: slicer.vtkMRMLMarkupsROINode | None) -> None:
        """The box that confines the next run is visible, the one before no longer."""
        if box is self._box:
            return
        if self._box is not None and self._box.GetScene():
            self._box.SetDisplayVisibility(False)
        if box is not None:
            box.CreateDefaultDisplayNodes()
            setVisible(box, True)
        self._box = box

    def _showFirst(self, result: slicer.vtkMRMLSegmentationNode) -> None:
        report = readReport(result)
        if self._scan is not None:
            showAbdomenWindow(self._scan)
        if report is not None and settings.goToOrgans():
            showMiddle(result, report.roi)

    def _leave(self, scan: slicer.vtkMRMLScalarVolumeNode | None) -> None:
        if scan is None or scan.GetScene() is None:
            return
        if _isBackground(scan):
            self._sights[scan.GetID()] = {node.GetID(): _sightOf(node) for node in _sliceNodes()}
        if self._result is not None and self._result.GetScene() and isUncertaintyShown(self._result):
            self._uncertain[scan.GetID()] = self._result
            showUncertainty(None, False)

    def _layUnder(self, scan: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Make it the background of all slice views: as it was seen before, or fitted to the views the first time."""
        self._isPending = scan.GetImageData() is None
        if self._isPending or _isBackground(scan):
            return
        sights = self._sights.get(scan.GetID())
        slicer.util.setSliceViewerLayers(background=scan, fit=sights is None)
        for node in _sliceNodes():
            if sights and node.GetID() in sights:
                _restore(node, sights[node.GetID()])


def shownScan(scans: list[slicer.vtkMRMLScalarVolumeNode]) -> slicer.vtkMRMLScalarVolumeNode | None:
    """Of these the one that lies in a slice view, else the first."""
    backgrounds = {view.GetBackgroundVolumeID() for view in _composites()}
    return next((scan for scan in scans if scan.GetID() in backgrounds), next(iter(scans), None))


def _composites() -> list[slicer.vtkMRMLSliceCompositeNode]:
    nodes: list[slicer.vtkMRMLSliceCompositeNode] = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
    return nodes


def _isBackground(scan: slicer.vtkMRMLScalarVolumeNode) -> bool:
    """Whether the scan is the background of all slice views."""
    return all(view.GetBackgroundVolumeID() == scan.GetID() for view in _composites())


def _sliceNodes() -> list[slicer.vtkMRMLSliceNode]:
    nodes: list[slicer.vtkMRMLSliceNode] = slicer.util.getNodesByClass("vtkMRMLSliceNode")
    return nodes


def _sightOf(node: slicer.vtkMRMLSliceNode) -> _Sight:
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(node.GetSliceToRAS())
    width, _height, thickness = node.GetFieldOfView()
    return _Sight(matrix, width, thickness)


def _restore(node: slicer.vtkMRMLSliceNode, sight: _Sight) -> None:
    """Show that part of space again, also in a view that has another shape by now."""
    columns, rows, _slices = node.GetDimensions()
    node.GetSliceToRAS().DeepCopy(sight.sliceToRas)
    node.SetFieldOfView(sight.width, sight.width * rows / max(columns, 1), sight.thickness)
    node.UpdateMatrices()
