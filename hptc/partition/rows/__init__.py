"""Tasks cut into chunks of rows."""
