"""Counts of refused scans: ``python -m refusals``, or ``make refusals``."""
