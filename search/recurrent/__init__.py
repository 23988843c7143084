"""Searches of recurrent cells on a text: by trained score, and on shared weights."""

__all__ = ["FORMAT"]

FORMAT = "presage-cell-search"
"""Of a run folder's settings and result."""
