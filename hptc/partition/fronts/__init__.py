"""Latency and energy together: what is proven of sets of devices, fronts of both."""
