"""Training: label maps and CTs in, weights out. Needs the extra `flareseg[train]`."""
