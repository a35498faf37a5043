"""Scoring of label maps by the FLARE21 protocol."""
