"""Stand-ins for the parts of the Slicer application that no package provides.

The data model (MRML nodes, segmentations, slicer.util) is the real one of slicer-core, the widgets and
processes are real Qt of PySide6. What stands in is small and refuses what the real thing refuses: unknown
properties, unknown signals, wrong parameter types.
"""
