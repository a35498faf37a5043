"""Import of data sets of several layouts into a training store; unusable cases are refused with the reason."""

from flareseg.training.layout import Layout
from flareseg.training.prepare.importing import ImportState, Outcome, import_cases
from flareseg.training.prepare.layouts import find

__all__ = ["ImportState", "Layout", "Outcome", "find", "import_cases"]
