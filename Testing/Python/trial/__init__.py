"""The trial in the real application (scripts/try_in_slicer.py): checks of what the stand-ins cannot show, with a table.

Each check drives the panel as a user does, and looks at nodes, widgets and views alone. Where something is not as it
should be, it fails with a sentence; where the application lacks what a check needs, it is skipped with the reason.
"""
