"""Controls for the user's preferences, which are stored in Slicer's settings rather than in the scene."""

from __future__ import annotations

from typing import Any

from .. import settings
from ..choices import DeviceChoice


class Preferences:
    """Shows what Slicer's settings hold and writes down what is changed."""

    def __init__(self, ui: Any) -> None:
        ui.keepWarmSpinBox.setValue(settings.keepWarmMinutes())
        ui.show3DCheckBox.setChecked(settings.show3D())
        ui.goToOrgansCheckBox.setChecked(settings.goToOrgans())
        ui.weightsLineEdit.setText(settings.weightsFolder())
        ui.weightsLineEdit.connect("textChanged(QString)", settings.setWeightsFolder)
        ui.keepWarmSpinBox.connect("valueChanged(int)", settings.setKeepWarmMinutes)
        ui.show3DCheckBox.connect("toggled(bool)", settings.setShow3D)
        ui.goToOrgansCheckBox.connect("toggled(bool)", settings.setGoToOrgans)
        ui.splitKidneysCheckBox.connect("clicked(bool)", settings.setSplitKidneys)
        ui.deviceComboBox.connect("activated(int)", lambda index: settings.setDevice(list(DeviceChoice)[index]))
