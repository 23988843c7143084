"""Where in a run folder the networks of a search lie, and its report."""

from __future__ import annotations

from pathlib import Path

__all__ = ["best_folder", "network_folder", "report_file"]


def best_folder(run: Path) -> Path:
    """The best network, for use."""
    return run / "best"


def network_folder(run: Path, digest: str) -> Path:
    """A trained network; `digest` is a hash that was checked to be one (`presage.reading.hex_name`)."""
    return run / "networks" / digest[:16]


def report_file(run: Path) -> Path:
    """The page that `presage report` writes."""
    return run / "report.html"
