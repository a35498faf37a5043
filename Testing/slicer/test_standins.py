"""The stand-ins refuse what PythonQt and Slicer refuse; else a test could pass on what fails in Slicer."""

from __future__ import annotations

from pathlib import Path

import pytest
import qt
import slicer
from FlareSegmentationLib.choices import DeviceChoice

import FlareSegmentation

UI = Path(FlareSegmentation.__file__).parent / "Resources" / "UI" / "FlareSegmentation.ui"


def load(text: str, folder: Path):
    path = folder / "panel.ui"
    path.write_text(text, encoding="utf-8")
    return slicer.util.loadUI(str(path))


def test_properties_are_attributes():
    button = qt.QPushButton("a")
    button.text = "b"
    assert button.text == "b"
    button.setText("c")
    assert button.text == "c"
    with pytest.raises(TypeError):
        button.text()


def test_unknown_property_is_refused():
    with pytest.raises(AttributeError, match="no attribute 'txt'"):
        qt.QPushButton().txt = "a"


def test_unknown_signal_is_refused():
    with pytest.raises(ValueError, match="no signal"):
        qt.QPushButton().connect("clickd(bool)", print)


def test_unknown_property_in_the_ui_file_is_refused(tmp_path):
    text = UI.read_text(encoding="utf-8").replace('name="renameEnabled"', 'name="renamable"')
    with pytest.raises(ValueError, match="no property renamable"):
        load(text, tmp_path)


def test_selector_without_its_scene_connection_has_no_scene(tmp_path):
    text = UI.read_text(encoding="utf-8")
    text = text[: text.index(" <connections>")] + "</ui>\n"
    widget = load(text, tmp_path)
    widget.setMRMLScene(slicer.mrmlScene)
    slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    assert slicer.util.childWidgetVariables(widget).scanSelector.nodeCount() == 0


def test_parameter_of_another_type_is_refused():
    parameters = FlareSegmentation.FlareSegmentationLogic().getParameterNode()
    with pytest.raises(TypeError):
        parameters.device = "cpu"
    with pytest.raises(TypeError):
        parameters.scan = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLModelNode")


def test_truth_value_is_not_a_text():
    parameters = FlareSegmentation.FlareSegmentationLogic().getParameterNode()
    with pytest.raises(TypeError):
        parameters.splitKidneys = "no"


def test_truth_value_needs_a_check_box(tmp_path):
    text = UI.read_text(encoding="utf-8").replace(
        'class="QCheckBox" name="splitKidneysCheckBox"', 'class="QLabel" name="x"'
    )
    ui = slicer.util.childWidgetVariables(load(text, tmp_path))
    parameters = FlareSegmentation.FlareSegmentationLogic().getParameterNode()
    with pytest.raises(RuntimeError, match="no connector from bool to QLabel"):
        parameters.connectGui(ui)


def test_connecting_the_panel_gives_no_tag_and_filling_a_combo_box_anew_overwrites_the_choice(tmp_path):
    ui = slicer.util.childWidgetVariables(load(UI.read_text(encoding="utf-8"), tmp_path))
    parameters = FlareSegmentation.FlareSegmentationLogic().getParameterNode()
    assert parameters.connectGui(ui) is None
    parameters.device = DeviceChoice.CPU
    parameters.connectGui(ui)
    assert parameters.device is not DeviceChoice.CPU


def test_node_that_was_reset_reads_as_defaults():
    parameters = FlareSegmentation.FlareSegmentationLogic().getParameterNode()
    parameters.device = DeviceChoice.CPU
    slicer.mrmlScene.Clear()
    assert parameters.device is DeviceChoice.AUTO


def test_unknown_module_is_refused():
    with pytest.raises(RuntimeError, match="no module SegmentEditr"):
        slicer.util.selectModule("SegmentEditr")


def test_unknown_parameter_is_refused():
    with pytest.raises(AttributeError):
        FlareSegmentation.FlareSegmentationLogic().getParameterNode().volume = None


@pytest.fixture
def result_selector(tmp_path):
    widget = load(UI.read_text(encoding="utf-8"), tmp_path)
    widget.setMRMLScene(slicer.mrmlScene)
    yield slicer.util.childWidgetVariables(widget).resultSelector


def test_selector_whose_node_is_deleted_takes_its_neighbour_even_where_none_is_allowed(result_selector):
    nodes = [slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode") for _ in range(2)]
    result_selector.setCurrentNode(nodes[1])
    slicer.mrmlScene.RemoveNode(nodes[1])
    assert result_selector.currentNode() is nodes[0]
    slicer.mrmlScene.RemoveNode(nodes[0])
    assert result_selector.currentNode() is None


def test_selector_lets_go_of_its_node_when_a_scene_was_imported(result_selector):
    result_selector.setCurrentNode(slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode"))
    slicer.mrmlScene.InvokeEvent(slicer.mrmlScene.EndImportEvent)
    assert result_selector.currentNode() is None


def test_main_window_enters_the_chosen_panel_and_exits_the_other(desktop, scripted):
    scripted("obedient")
    desktop.load(Path(FlareSegmentation.__file__))
    slicer.util.selectModule("FlareSegmentation")
    panel = slicer.util.getModule("FlareSegmentation").widgetRepresentation()
    assert panel.isEntered
    slicer.util.selectModule("Data")
    assert not panel.isEntered
    assert slicer.util.selectedModule() == "Data"
    with pytest.raises(KeyError):
        slicer.util.selectModule("Dta")


def test_folder_that_is_not_empty_takes_no_scene(tmp_path):
    (tmp_path / "file").touch()
    assert not slicer.util.saveScene(str(tmp_path), {})
