"""Making the seed that presage ships. For presage's maintainers."""

from __future__ import annotations

import json
from pathlib import Path

from presage.database.parquet import FILES, write_parquet
from presage.database.shipped import MANIFEST, digest_of_files
from presage.database.store import Database
from presage.files import replacing

__all__ = ["write_seed"]


def write_seed(database: Database, folder: str | Path) -> int:
    """Write a database as the seed to ship, with its manifest; returns its size in bytes.

    Args:
        database: holds the experience to ship; predictions are left out.
        folder: ``database/seed`` of the checkout.
    """
    target = Path(folder)
    write_parquet(database.connection, target, tables=[name for name in FILES if name != "predictions"])
    with replacing(target / MANIFEST) as draft:
        draft.write_text(json.dumps({"digest": digest_of_files(target)}) + "\n", encoding="utf-8")
    return sum(file.stat().st_size for file in target.iterdir())
