"""Better schedules from windows of the incumbent."""
