"""Preparing: data sets of several layouts into one training store; bad cases are refused with the reason."""

from flareseg.training.prepare.importing import Outcome, State, bring_in
from flareseg.training.prepare.layouts import Layout, find

__all__ = ["Layout", "Outcome", "State", "bring_in", "find"]
