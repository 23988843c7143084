"""Makes the tiny database of a released schema that `test_migrations.py` upgrades. Run once for each release:

``python tests/database/make_released.py`` writes ``released/schema_<newest>.duckdb``; files of earlier releases stay.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from presage.database.connection import Connection
from presage.database.migrate import latest, migrate
from presage.database.store import Database
from presage.records.testing import experiment_entry, prediction_entry, probe_entry


def main() -> None:
    """Write the file, with blocks of 16 KiB to keep it small."""
    path = Path(__file__).parent / "released" / f"schema_{latest():04d}.duckdb"
    path.unlink(missing_ok=True)
    with duckdb.connect() as raw:
        raw.execute(f"ATTACH '{path}' AS small (BLOCK_SIZE 16384)")
    connection = Connection(path)
    migrate(connection)
    database = Database(connection)
    database.add_experiments([experiment_entry(1), experiment_entry(2, status="diverged")])
    database.add_probe(probe_entry())
    database.add_predictions([prediction_entry(1)])
    database.close()
    print(f"{path.name}: {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
