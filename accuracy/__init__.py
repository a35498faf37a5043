"""Accuracy of network weights on labelled CTs and fixed synthetic patients: ``python -m accuracy``.

Not part of the package ``flareseg``, of its wheel or of the Slicer extension.
"""
