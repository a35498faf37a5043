"""Time and memory of this engine beside those of other people's, on the same scan in one run: ``flareseg benchmark``.

``run.py`` plans the jobs; each runs ``child.py`` in a fresh process that ``watch.py`` looks at from outside; the rest
is what is compared (``catalogue.py``, ``ours.py``, ``plain.py``, ``peers.py``) and how it is shown.
"""
