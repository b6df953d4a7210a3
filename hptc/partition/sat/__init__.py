"""CP-SAT: models of problems and of parts of them, and their searches."""
