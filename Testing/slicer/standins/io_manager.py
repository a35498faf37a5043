"""``slicer.app.coreIOManager()`` for scenes in folders and for segmentations: the application's readers and writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import slicer
import vtk


class CoreIOManager:
    """Refuses other kinds of files."""

    def saveNodes(self, fileType: str, properties: dict[str, Any], userMessages: Any = None) -> bool:
        folder = Path(properties["fileName"])
        if fileType != "SceneFile" or folder.suffix in (".mrml", ".mrb"):
            raise ValueError(f"no writer for {fileType} {folder}")
        folder.mkdir(parents=True, exist_ok=True)
        if list(folder.iterdir()):  # the application asks for an empty one
            return False
        logic = slicer.app.applicationLogic()
        return bool(logic.SaveSceneToSlicerDataBundleDirectory(str(folder), None, userMessages))

    def loadNodes(
        self, fileType: str, properties: dict[str, Any], loadedNodes: vtk.vtkCollection, userMessages: Any = None
    ) -> bool:
        load = {"SceneFile": _load_scene, "SegmentationFile": _load_segmentation}[fileType]
        return load(properties, loadedNodes)


def _load_scene(properties: dict[str, Any], loadedNodes: vtk.vtkCollection) -> bool:
    scene = slicer.mrmlScene
    scene.SetURL(properties["fileName"])
    return bool(scene.Connect() if properties.get("clear", False) else scene.Import())


def _load_segmentation(properties: dict[str, Any], loadedNodes: vtk.vtkCollection) -> bool:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    storage = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationStorageNode")
    storage.SetFileName(properties["fileName"])
    loadedNodes.AddItem(node)
    return bool(storage.ReadData(node))
