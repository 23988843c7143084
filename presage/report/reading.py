"""Reading what a run folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from presage.errors import WrongInput
from presage.reading import read_json

__all__ = ["read"]


def read(path: Path) -> Any:
    """The JSON object in a file of a run folder.

    Raises:
        WrongInput: the file holds none.
    """
    found = read_json(path)
    if not isinstance(found, dict):
        raise WrongInput(f"{path} is damaged: it holds no JSON object.")
    return found
