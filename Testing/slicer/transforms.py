"""Transform nodes as users have them: linear, bent, one in another."""

from __future__ import annotations

from typing import Any

import slicer
import vtk


def turned() -> Any:
    """Rotates by 20 degrees and shifts."""
    matrix = vtk.vtkTransform()
    matrix.RotateZ(20)
    matrix.Translate(30, -20, 10)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    node.SetMatrixTransformToParent(matrix.GetMatrix())
    return node


def bent() -> Any:
    """A thin-plate spline that moves one end of the patient by 20 mm and the other by none."""
    spline = vtk.vtkThinPlateSplineTransform()
    spline.SetBasisToR()
    points, places = vtk.vtkPoints(), vtk.vtkPoints()
    for x in (-200, 200):
        for y in (-200, 200):
            for z in (-200, 200):
                points.InsertNextPoint(x, y, z)
                places.InsertNextPoint(x + (20 if z > 0 else 0), y, z)
    spline.SetSourceLandmarks(points)
    spline.SetTargetLandmarks(places)
    return _node(spline)


def bspline() -> Any:
    """A grid of control points, one of which moves its surroundings by up to 15 mm."""
    coefficients = vtk.vtkImageData()
    coefficients.SetDimensions(8, 8, 8)
    coefficients.SetOrigin(-200, -200, -200)
    coefficients.SetSpacing(57, 57, 57)
    coefficients.AllocateScalars(vtk.VTK_DOUBLE, 3)
    for point in range(coefficients.GetNumberOfPoints()):
        coefficients.GetPointData().GetScalars().SetTuple3(point, 0, 0, 0)
    for axis, mm in enumerate((15, -10, 8)):
        coefficients.SetScalarComponentFromDouble(3, 3, 4, axis, mm)
    transform = vtk.vtkBSplineTransform()
    transform.SetCoefficientData(coefficients)
    return _node(transform)


def nested() -> Any:
    inner, outer = turned(), bspline()
    inner.SetAndObserveTransformNodeID(outer.GetID())
    return inner


def _node(transform: vtk.vtkAbstractTransform) -> Any:
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLTransformNode")
    node.SetAndObserveTransformToParent(transform)
    return node
