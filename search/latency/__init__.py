"""Latency on the machine at hand: measured for a few networks, estimated for the rest."""
