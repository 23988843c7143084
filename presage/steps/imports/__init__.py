"""Trainings that were done elsewhere, read as experience: one's own, in tables, and published ones."""
