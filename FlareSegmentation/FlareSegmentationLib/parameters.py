"""What a scene remembers of the panel, and what it means for a run."""

from typing import Any

from flareseg.errors import FlareError
from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLScriptedModuleNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper

from . import settings
from .device import DeviceChoice
from .edits import EditedSegments
from .roi import Region


@parameterNodeWrapper
class FlareSegmentationParameterNode:
    """scan: the CT. result: where the organs go; None makes a new node. device: where the networks run.

    region and roi: where to look. edited: what becomes of segments that a person changed. For the rest
    see RunOptions.
    """

    scan: vtkMRMLScalarVolumeNode
    result: vtkMRMLSegmentationNode
    roi: vtkMRMLMarkupsROINode
    device: DeviceChoice = DeviceChoice.AUTO
    edited: EditedSegments = EditedSegments.KEEP
    region: Region = Region.AUTOMATIC
    splitKidneys: bool = False
    cleanUp: bool = True
    uncertainty: bool = False


def parametersOf(node: vtkMRMLScriptedModuleNode) -> FlareSegmentationParameterNode:
    """The scene's parameters; a new scene starts with what the person chose last."""
    isNew = not node.GetParameter("device")
    parameters = FlareSegmentationParameterNode(node)  # type: ignore[call-arg]  # made by the wrapper
    if isNew:
        parameters.device = settings.device()
        parameters.splitKidneys = settings.splitKidneys()
    return parameters


def optionsOf(parameters: FlareSegmentationParameterNode) -> dict[str, Any]:
    """The arguments of RunOptions. Raises FlareError("bad_roi") when a box is wanted and none is chosen."""
    wantsRoi = parameters.region is Region.ROI
    if wantsRoi and parameters.roi is None:
        raise FlareError(
            "bad_roi",
            _("No box is chosen to segment in."),
            _("Choose one under Options, or set Region to Automatic."),
        )
    return {
        "device": parameters.device,
        "edited": parameters.edited,
        "roi": parameters.roi if wantsRoi else None,
        "splitKidneys": parameters.splitKidneys,
        "cleanUp": parameters.cleanUp,
        "uncertainty": parameters.uncertainty,
    }
