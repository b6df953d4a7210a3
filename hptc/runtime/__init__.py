"""Executes schedules, trains through the switch, verifies."""
