"""Whole trainings: phases placed together, switches included."""
