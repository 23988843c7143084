"""Larger versions of a network that can compute what it computes: network morphisms, as graphs."""
