"""Base of all packages: geometry, volumes, organs, errors, the report, memory."""
