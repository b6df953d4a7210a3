"""How far the cost models are from tables measured or simulated by others, one table a file."""
