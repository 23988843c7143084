"""Where a user's own database lies."""

from __future__ import annotations

from pathlib import Path

from presage.places import user_data

__all__ = ["default_path"]


def default_path(create: bool = False) -> Path:
    """The user's own database: ``presage/experience.duckdb`` in the platform's folder for user data.

    Args:
        create: make the folder where it does not exist.

    Raises:
        InvalidArgument: this user has no home folder.
    """
    folder = user_data() / "presage"
    if create:
        folder.mkdir(parents=True, exist_ok=True)
    return folder / "experience.duckdb"
