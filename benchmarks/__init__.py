"""Benchmark of time and memory against other methods, on the same scans in one run: ``python -m benchmarks``.

Not part of the package ``flareseg``, of its wheel or of the Slicer extension.
"""
