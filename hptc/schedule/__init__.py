"""From an assignment to instructions, and the bundle on disk."""
