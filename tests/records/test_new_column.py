"""A column more is a matter of two files: the record that has it, and the SQL that adds it to the table.

Both are changed in a copy of the package, which then reads what the package as it is has written, and what it has not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import presage
from presage.database import Database
from presage.database.migrate import latest
from presage.records import append_entry
from presage.records.testing import experiment_entry

FIELD = "    created_at: str\n"
LATER = '    later = frozenset({"balanced_accuracy", '
RULE = '        rule.time("created_at", row, self.created_at)\n'
CHANGES = {
    FIELD: f"{FIELD}    energy: float | None = None\n",
    '"activation_bytes", "depth",\n': '"activation_bytes", "depth", "energy",\n',
    LATER: f'{LATER}"energy", ',
    RULE: f'{RULE}        self._set(energy=rule.number("energy", row, self.energy, least=0.0, optional=True))\n',
}
SQL = "ALTER TABLE experiments ADD COLUMN energy DOUBLE;\nCOMMENT ON COLUMN experiments.energy IS 'joules';\n"

SCRIPT = """
import pathlib, sys
from presage.database import Database
from presage.database.connection import Connection
from presage.database.migrate import migrate
from presage.database.parquet import copy_parquet
from presage.errors import InvalidExperience
from presage.records import append_entry, read_entries
from presage.records.testing import experiment_entry

def energies(database):
    return sorted([record.energy for record in database.experiment_records()], key=str)

old = pathlib.Path(sys.argv[1])
(old / "new").mkdir()
with Database.open(old / "x.duckdb") as database:  # a file of the schema before
    assert energies(database) == [None, None]
    assert database.import_shards([old / "x.jsonl"]).already == 2
    assert database.import_parquet(old / "parquet").already == 2
    assert database.add_experiments([experiment_entry(1, energy=4.0)]).already == 1  # no contradiction
    database.add_experiments([experiment_entry(3, energy=5)])
    assert energies(database) == [5.0, None, None]
    try:
        database.add_experiments([experiment_entry(3, energy=6.0)])
    except InvalidExperience as error:
        assert "energy 5.0 is stored, 6.0 was given" in str(error), error
    else:
        raise AssertionError("a contradiction was stored")
    assert database.check() == []
    database.export_parquet(old / "new" / "parquet")
assert [entry.experiment.energy for entry in read_entries(old / "x.jsonl")] == [None, None]
append_entry(old / "new" / "x.jsonl", experiment_entry(4, energy=7.0))
with Database.open(old / "new" / "x.duckdb") as database:
    assert database.merge(old / "y.duckdb").experiments == 1  # another, of the schema before
    assert database.import_parquet(old / "new" / "parquet").experiments == 2
    assert database.import_shards([old / "new" / "x.jsonl"]).experiments == 1
    assert energies(database) == [5.0, 7.0, None, None]
    assert database.check() == []
for folder, count in ((old / "parquet", 2), (old / "new" / "parquet", 3)):
    connection = Connection(pathlib.Path(":memory:"))
    migrate(connection)
    assert copy_parquet(connection, folder)["experiments"] == count
"""


def test_a_new_result_column_is_added_in_two_files(tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "presage"
    package = Path(presage.__file__).parent
    copy.mkdir(parents=True)
    for file in package.glob("*.py*"):
        shutil.copy(file, copy)
    for name in ("records", "database"):
        shutil.copytree(package / name, copy / name, ignore=shutil.ignore_patterns("seed", "__pycache__"))
    record = copy / "records" / "experiment.py"
    text = record.read_text()
    for before, after in CHANGES.items():
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    record.write_text(text)
    (copy / "database" / "migrations" / f"{latest() + 1:04d}_energy.sql").write_text(SQL)

    old = tmp_path / "old"
    old.mkdir()
    entries = [experiment_entry(1), experiment_entry(2)]
    for entry in entries:
        append_entry(old / "x.jsonl", entry)
    with Database.open(old / "x.duckdb") as database:
        database.add_experiments(entries)
        database.export_parquet(old / "parquet")
    with Database.open(old / "y.duckdb") as database:
        database.add_experiments(entries[:1])

    environment = os.environ | {"PYTHONPATH": str(copy.parent)}
    command = [sys.executable, "-P", "-c", SCRIPT, str(old)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
