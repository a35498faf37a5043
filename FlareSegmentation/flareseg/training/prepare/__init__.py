"""Preparing: data sets of several layouts into one training store; bad cases are refused with the reason."""

from flareseg.training.prepare.importing import ImportState, Outcome, import_cases
from flareseg.training.prepare.layouts import Layout, find

__all__ = ["ImportState", "Layout", "Outcome", "find", "import_cases"]
