"""A small network grown by network morphisms: hill climbing over larger ones that inherit its weights."""

__all__ = ["OWNER"]

OWNER = "presage grow"
"""Who refuses what cannot be, as errors call it."""
