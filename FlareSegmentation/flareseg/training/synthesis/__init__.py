"""Synthetic CT with its true labels, made on the training device from label maps alone."""

from flareseg.training.synthesis.config import SynthesisConfig
from flareseg.training.synthesis.registration import Fields, register_store
from flareseg.training.synthesis.synthesizer import Synthesizer

__all__ = ["Fields", "SynthesisConfig", "Synthesizer", "register_store"]
