"""What everything else builds on: geometry, volumes, organs, errors, the report, memory."""
