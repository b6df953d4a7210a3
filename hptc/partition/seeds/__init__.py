"""First schedules, and first modes."""
