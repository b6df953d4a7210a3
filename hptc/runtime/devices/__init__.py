"""Functional models of the devices."""
