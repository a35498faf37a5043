"""The parameter node of the panel, and its conversion to the options of a run."""

from typing import Any

from flareseg.core.errors import RoiError
from flareseg.core.organs import ORGAN_NAMES
from slicer import vtkMRMLMarkupsROINode, vtkMRMLScalarVolumeNode, vtkMRMLScriptedModuleNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.parameterNodeWrapper import parameterNodeWrapper

from .. import settings
from ..choices import BordersChoice, CleanUpChoice, DeviceChoice, EditedSegments, NetworkChoice, PrecisionChoice
from ..nodes.roi import Region

_BEGUN = "begun"  # a parameter that says: the person's preferences have been taken over
_PARAMETER = "SlicerParameterName"  # the property of a widget in the .ui file that names its parameter


@parameterNodeWrapper
class FlareSegmentationParameterNode:
    """scan: the CT. result: where the organs go; None makes a new node. device: where the networks run.

    region and roi: where to look. edited: what becomes of segments that a person changed. liver, kidneys, spleen,
    pancreas: the organs that become segments. For the rest see RunOptions.
    """

    scan: vtkMRMLScalarVolumeNode
    result: vtkMRMLSegmentationNode
    roi: vtkMRMLMarkupsROINode
    device: DeviceChoice = DeviceChoice.AUTO
    edited: EditedSegments = EditedSegments.KEEP
    region: Region = Region.AUTOMATIC
    splitKidneys: bool = False
    cleanUp: CleanUpChoice = CleanUpChoice.NORMAL
    borders: BordersChoice = BordersChoice.GUIDED
    huGate: bool = True
    uncertainty: bool = False
    precision: PrecisionChoice = PrecisionChoice.AUTO
    network: NetworkChoice = NetworkChoice.CASCADE
    liver: bool = True
    kidneys: bool = True
    spleen: bool = True
    pancreas: bool = True


def parametersOf(node: vtkMRMLScriptedModuleNode) -> FlareSegmentationParameterNode:
    """The scene's parameters; a new scene starts with what the person chose last.

    A scene that is closed leaves defaults in the node, so only a mark of our own tells a new one.
    """
    parameters = FlareSegmentationParameterNode(node)  # type: ignore[call-arg]  # made by the wrapper
    if not node.HasParameter(_BEGUN):
        parameters.device = settings.device()
        parameters.splitKidneys = settings.splitKidneys()
        node.SetParameter(_BEGUN, "True")
    return parameters


def connectToGui(parameters: Any, ui: Any) -> int:
    """Bind the widgets of ``ui`` that name a parameter. Returns the tag for ``disconnectGui``.

    The wrapper's own ``connectGui`` returns no tag in Slicer 5.13, and widgets that stay bound overwrite
    the parameters when their combo boxes are filled anew.
    """
    named = ((widget.property(_PARAMETER), widget) for widget in vars(ui).values())
    return int(parameters.connectParametersToGui({name: widget for name, widget in named if name}))


def boxOf(parameters: Any) -> vtkMRMLMarkupsROINode | None:
    """The box that confines the next run."""
    return parameters.roi if parameters.region is Region.ROI else None


def optionsOf(parameters: FlareSegmentationParameterNode) -> dict[str, Any]:
    """The arguments of RunOptions. Raises RoiError when Region is a box and none is chosen."""
    if parameters.region is Region.ROI and parameters.roi is None:
        raise RoiError(
            _("No box is chosen to segment in."),
            _("Choose one under Options, or set Region to Automatic."),
        )
    return {
        "device": parameters.device,
        "edited": parameters.edited,
        "roi": boxOf(parameters),
        "splitKidneys": parameters.splitKidneys,
        "cleanUp": parameters.cleanUp,
        "borders": parameters.borders,
        "huGate": parameters.huGate,
        "uncertainty": parameters.uncertainty,
        "precision": parameters.precision,
        "network": parameters.network,
        "weights": settings.weightsFolder() if parameters.network is NetworkChoice.FULL_SIZE else "",
        "organs": tuple(name for name in ORGAN_NAMES if getattr(parameters, name)),
    }
