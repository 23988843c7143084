"""Smaller versions of a user's network within limits: proposed, short-listed, and told of."""

__all__ = ["OWNER"]

OWNER = "presage shrink"
"""Who refuses what cannot be, as errors call it."""
