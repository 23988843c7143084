"""Reading what a run folder holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from presage.errors import WrongInput

__all__ = ["read"]


def read(path: Path) -> Any:
    """The JSON value in a file of a run folder.

    Raises:
        WrongInput: the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise WrongInput(f"{path} is not JSON. The run folder is damaged.") from None
