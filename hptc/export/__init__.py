"""Other formats out: traces."""
