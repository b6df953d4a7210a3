"""Proven bounds on the makespan, and seeds from the relaxation."""
