"""Training of the networks from label maps and CTs. Needs the extra `flareseg[train]`."""
