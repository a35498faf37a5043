"""Conversion of a volume node to the engine's Volume: voxels, geometry, and warnings that only Slicer can give."""

from __future__ import annotations

from collections.abc import Callable

import slicer
from flareseg.core.errors import FlareError, ScanError
from flareseg.core.geometry import Geometry
from flareseg.core.volume import Volume
from slicer.i18n import tr as _

from .layers import ijkToRas

_ABDOMEN_WINDOW_LEVEL = (350, 40)  # HU; those of CT_ABDOMEN in Slicer's VolumeDisplayPresets.json


def volumeOf(volumeNode: slicer.vtkMRMLScalarVolumeNode | None) -> Volume:
    """The node's own memory (a view, (k, j, i), HU) and geometry, before any parent transform.

    The name stays "scan": node names may hold a patient's name. Raises ScanError for a
    node that is not a CT, is empty, or has a sheared grid.
    """
    if volumeNode is None:
        raise ScanError(_("No scan is chosen."), _("Load a CT and choose it as Scan."))
    _refuseOtherNodes(volumeNode)
    if volumeNode.GetScene() is None:
        raise ScanError(_("The volume is not in the scene."), _("Add it to the scene first."))
    voxels = slicer.util.arrayFromVolume(volumeNode)
    geometry = Geometry.from_ijk_to_ras(ijkToRas(volumeNode), voxels.shape)
    return Volume(voxels, geometry, warnings=_warnings(volumeNode))


def voxelWatch(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> Callable[[], bool]:
    """Tells later whether the voxels that the node has now are unchanged.

    Other voxels in their place (the next frame of a sequence) do not count: these stay as they are.
    """
    scalars = volumeNode.GetImageData().GetPointData().GetScalars()
    scalars.GetInformation()  # made when it is first asked for, by a display for example, which counts as a change
    before = scalars.GetMTime()
    return lambda: bool(scalars.GetMTime() == before)


def facts(geometry: Geometry) -> str:
    """Size and spacing in the order that Slicer shows them (i, j, k)."""
    size = " x ".join(str(n) for n in reversed(geometry.shape))
    spacing = " x ".join(f"{s:.3g}" for s in reversed(geometry.spacing))
    return f"{size} · {spacing} mm"


def showAbdomenWindow(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> None:
    """Window and level of Slicer's preset "CT-abdomen", while those of the volume are Slicer's automatic ones."""
    display = volumeNode.GetDisplayNode()
    if display is not None and display.GetAutoWindowLevel():
        display.SetAutoWindowLevel(False)
        display.SetWindowLevel(*_ABDOMEN_WINDOW_LEVEL)


def _refuseOtherNodes(volumeNode: slicer.vtkMRMLNode) -> None:
    if volumeNode.IsA("vtkMRMLLabelMapVolumeNode"):
        raise ScanError(_("This is a label map, not a CT."), _("Choose the CT itself."))
    if not volumeNode.IsA("vtkMRMLScalarVolumeNode"):
        raise ScanError(_("This is not a volume."), _("Choose a CT volume."))
    image = volumeNode.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None or min(image.GetDimensions()) < 1:
        raise ScanError(_("The volume has no voxels."), _("Load the CT again."))
    if image.GetNumberOfScalarComponents() != 1:
        raise ScanError(_("The volume holds colours or vectors."), _("Choose a CT with one value a voxel."))


def _warnings(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> list[str]:
    if volumeNode.GetParentTransformNode() is None:
        return []
    return [_("The scan sits under a transform; the result will follow it.")]


def readable(volumeNode: slicer.vtkMRMLScalarVolumeNode) -> Volume | None:
    """The scan of a node; None for a node that is not one, which gives its message when it is segmented."""
    try:
        return volumeOf(volumeNode)
    except FlareError:
        return None
