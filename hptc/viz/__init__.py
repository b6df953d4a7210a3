"""The page that shows a compiled program."""
