"""Experiment trackers: what a search or a training tells others, by one small interface."""
