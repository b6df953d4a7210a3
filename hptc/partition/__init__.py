"""The partitioner: problems in numbers, bounds, solvers, an independent checker."""
