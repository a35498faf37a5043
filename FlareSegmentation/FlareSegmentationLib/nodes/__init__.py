"""Conversion from and to MRML nodes."""
