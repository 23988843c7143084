"""What is read alike of every folder of a trained network: its description, and the weights that this vouches for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from presage.errors import InvalidModel
from presage.reading import check_plain

__all__ = ["Refusal", "read_description", "read_weights"]

Refusal = Callable[[str], InvalidModel]
"""A reason in words → the error to raise."""


def read_description(path: Path, form: str, version: int, most: int, refusal: Refusal) -> Mapping[str, Any]:
    """The object in a folder's JSON file, of a format and a version; what it holds is not looked at.

    Args:
        most: bytes that the file may have.

    Raises:
        InvalidModel: there is no such file, it is damaged, or a newer presage wrote it.
    """
    if not path.is_file():
        raise refusal(f"it has no file {path.name}" if path.parent.is_dir() else "there is no such folder")
    try:
        if path.stat().st_size > most:
            raise refusal(f"{path.name} is larger than {most:,} bytes")
        described = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidModel):
            raise
        raise refusal(f"{path.name} is no JSON") from None
    if not isinstance(described, dict) or described.get("format") != form:
        raise refusal(f"{path.name} is not of the format {form!r}")
    if described.get("version") != version:
        raise refusal(f"a newer presage wrote it (version {described.get('version')!r})")
    return described


def read_weights(path: Path, digest: object, refusal: Refusal) -> bytes:
    """The content of a file of weights.

    Args:
        digest: SHA-256 (64 hex digits) that it must have; None for any.

    Raises:
        InvalidModel: it cannot be read, or is not what was written.
    """
    try:
        check_plain(path, error=InvalidModel)
        content = path.read_bytes()
    except OSError as error:
        raise refusal(f"{path.name} cannot be read ({error.strerror})") from None
    if digest is not None and hashlib.sha256(content).hexdigest() != digest:
        raise refusal(f"{path.name} is damaged: it is not what was written")
    return content
