"""What published trainings are called, and how many of them are taken: known without reading any."""

from __future__ import annotations

__all__ = ["NETWORKS", "SOURCE"]

SOURCE = "nasbench201"
"""What a user calls them, and what the database says where they come from."""
NETWORKS = 1_000
"""Cells that are taken in unless more are asked for: the first of an order that is fixed for good."""
