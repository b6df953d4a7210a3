"""The applications that the benchmarks share."""
