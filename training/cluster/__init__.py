"""Trainings on machines that share no memory with this one: what travels, and the executors that take it there."""
