"""Preparing: data sets of several layouts into one training store; bad cases are refused with the reason."""

from flareseg.training.layout import Layout
from flareseg.training.prepare.importing import Outcome, State, bring_in
from flareseg.training.prepare.layouts import find

__all__ = ["Layout", "Outcome", "State", "bring_in", "find"]
