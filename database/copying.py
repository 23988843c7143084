"""A copy of a database in a file of its own, for work whose results are not to enter it."""

from __future__ import annotations

from pathlib import Path

from presage.database.connection import Connection, quoted
from presage.files import replacing

__all__ = ["write_copy"]


def write_copy(connection: Connection, target: Path, without: str) -> None:
    """Write everything into a new file, but for what was predicted and trained on one dataset.

    Args:
        target: is replaced where it is there; whole or not at all.
        without: the dataset (fingerprint). Its probes are kept.
    """
    (name,) = connection.rows("SELECT current_database()")[0]
    own, other = (f'"{text.replace(chr(34), 2 * chr(34))}"' for text in (name, f"{name} copy"))
    connection.run("CHECKPOINT")
    with replacing(target) as draft:
        connection.run(f"ATTACH '{quoted(draft)}' AS {other}")
        try:
            connection.run(f"COPY FROM DATABASE {own} TO {other}")
            for table in ("experiments", "predictions"):
                connection.run(f"DELETE FROM {other}.{table} WHERE dataset = ?", [without])
            connection.run(f"CHECKPOINT {other}")
        finally:
            connection.run(f"DETACH {other}")
