"""Import of data sets of several layouts into a training store; unusable cases are refused with the reason."""

from flareseg.training.layout import Layout
from flareseg.training.prepare.importing import ImportResult, ImportState, import_cases
from flareseg.training.prepare.layouts import find

__all__ = ["ImportResult", "ImportState", "Layout", "find", "import_cases"]
