"""Import by columns: experiments of Parquet files that are surely sound enter by the hundred thousand.

Row by row, an import makes an object of every experiment, and reads its network anew. Here every rule is asked of whole
columns. A row enters by this way only if it keeps all of them: a finished training, the only one of its identity in the
file, of values that the records take as they are, on a network, dataset and recipe of the same file, and vouched for
(`presage.database.claims`). All others are left to be read row by row, which says of each why it is refused, or takes
it in.

The file is somebody else's: it is read by a database in memory, with bounds, and what enters the user's own is a copy
of the rows that have been looked at.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from presage.database.bounds import rows_at_once
from presage.database.claims import Claims, Vouch
from presage.database.connection import Connection, matched, quoted
from presage.database.write import Writer, contradiction, insert, stored
from presage.errors import InvalidDatabase, InvalidExperience
from presage.records import rules as rule
from presage.records.architecture import ArchitectureRecord
from presage.records.dataset import DatasetRecord
from presage.records.experiment import ExperimentRecord
from presage.records.recipe import RecipeRecord

__all__ = ["LEFT", "NamedRecords", "source", "take_by_columns", "taken_identities"]

LEFT = {
    "experiments": "row_number NOT IN (SELECT row_number FROM taken_rows)",
    "architectures": "row_number NOT IN (SELECT row_number FROM taken_networks) OR hash IN (SELECT hash FROM asked)",
}
"""By table, the condition for rows that are left to be read row by row."""

_NETWORKS = 10_000  # at a time
_MOST_VERSIONS = 10_000
_PLAIN = "between 0 and 1"
_TIME = (
    r"[12]\d{3}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{6})?(\+00:00|Z)"  # a plain one of those that are taken
)
_RULES = (
    "e.status = 'finished'",
    *(f"e.{one} >= 0" for one in ("seed", "parameters", "multiply_adds", "activation_bytes", "depth")),
    f"e.accuracy {_PLAIN}",
    *(
        f"(e.{one} IS NULL OR e.{one} {_PLAIN})"
        for one in ("test_accuracy", "balanced_accuracy", "test_balanced_accuracy")
    ),
    *(
        f"(len(e.{one}) = 0 OR (list_count(e.{one}) = len(e.{one}) AND list_min(e.{one}) >= 0 "
        f"AND list_max(e.{one}) <= 1))"
        for one in ("curve", "depth_accuracies")
    ),
    "(len(e.train_losses) = 0 OR (list_count(e.train_losses) = len(e.train_losses) "
    "AND list_min(e.train_losses) > '-inf'::DOUBLE AND list_max(e.train_losses) < 'inf'::DOUBLE))",
    "(len(e.curve) = 0 OR len(e.train_losses) = 0 OR len(e.curve) = len(e.train_losses))",
    "(len(e.curve) = 0 OR len(e.curve) = r.epochs)",
    "e.seconds >= 0 AND e.seconds < 'inf'::DOUBLE",
    *(f"e.{one} <> '' AND strpos(e.{one}, chr(0)) = 0" for one in ("device", "precision")),
    "e.failure IS NULL",
    "(e.source IS NULL OR (e.source <> '' AND strpos(e.source, chr(0)) = 0))",
    f"regexp_full_match(e.created_at, '{_TIME}') AND try_cast(e.created_at[1:10] AS DATE) IS NOT NULL",
)
_CLAIMED = ("parameters", "multiply_adds", "activation_bytes", "depth")


@dataclass(frozen=True)
class NamedRecords:
    """The records that experiments may name for their rows to enter by columns."""

    datasets: Sequence[DatasetRecord]
    recipes: Sequence[RecipeRecord]


def take_by_columns(
    reader: Connection, folder: Path, scratch: Path, named: NamedRecords, writer: Writer, vouch: Vouch
) -> bool:
    """Take in the rows of an exported folder that are surely sound; `LEFT` says which ones are left, in `reader`.

    Args:
        reader: a database in memory, which reads the folder's files.
        folder: with `experiments.parquet` and `architectures.parquet`.
        scratch: a folder for files of ours.
        named: datasets and recipes of the folder that obey every rule that one row alone can obey.
        writer: of the database, in a transaction.
        vouch: for what rows claim.

    Returns:
        Whether some are; where none are, all are left.
    """
    reader.script(
        "CREATE TABLE taken_rows (row_number BIGINT); CREATE TABLE taken_networks (row_number BIGINT);"
        "CREATE TABLE asked (hash VARCHAR)"
    )
    try:
        written = _Sound(reader, folder, _without_contradictions(named, writer), vouch).write(scratch)
    except (InvalidDatabase, duckdb.Error):  # what is wrong with the files is said where they are read row by row
        written = False
    if written:
        _enter(reader, writer, scratch, named)
        _ask_for_networks(reader, folder)
    return written


def taken_identities(reader: Connection, folder: Path) -> list[str]:
    """Identities of the experiments that were taken in by columns, or were in the database already."""
    identity = f"sha256(concat_ws('/', {', '.join(ExperimentRecord.identified_by)}))"
    rows = source(reader, folder / "experiments.parquet", "experiments")
    found = reader.rows(f"SELECT {identity} FROM {rows} WHERE row_number IN (SELECT row_number FROM taken_rows)")
    return [one for (one,) in found]


def _without_contradictions(named: NamedRecords, writer: Writer) -> NamedRecords:
    known = stored(writer.connection, DatasetRecord, {one.fingerprint for one in named.datasets})
    sound = [one for one in named.datasets if not contradiction(one, known.get(one.fingerprint))]
    plain = [one for one in named.recipes if type(one.json.get("epochs")) is int]
    return NamedRecords(sound, plain)


@dataclass(frozen=True)
class _Sound:
    """Finds the rows that are sound, and writes a copy of them."""

    reader: Connection
    folder: Path
    named: NamedRecords
    vouch: Vouch

    def write(self, scratch: Path) -> bool:
        """Notes the sound rows in `taken_rows`, and copies them and their networks; whether there are any."""
        if not (self.named.datasets and self.named.recipes and self._is_typed()):
            return False
        reader, experiments = self.reader, self._source("experiments")
        rows_at_once(reader, self._source("experiments"), "The experiments")
        rows_at_once(reader, self._source("architectures"), "The architectures", kept=True)
        self._name("known_datasets", [one.fingerprint for one in self.named.datasets])
        self._name("known_recipes", [one.hash for one in self.named.recipes])
        epochs = [one.json["epochs"] for one in self.named.recipes]
        reader.run("ALTER TABLE known_recipes ADD COLUMN epochs BIGINT")
        reader.run("UPDATE known_recipes SET epochs = (?::BIGINT[])[k + 1]", [epochs])
        found = reader.rows(f"SELECT DISTINCT versions FROM {experiments} LIMIT {_MOST_VERSIONS}")
        self._name("known_versions", [text for (text,) in found if _is_plain(text)])
        reader.script(
            "CREATE TABLE chunk (v VARCHAR, k BIGINT, row_number BIGINT);"
            f"CREATE TABLE twice AS SELECT hash(dataset, architecture, recipe, seed) AS h FROM {experiments} "
            "GROUP BY 1 HAVING count(*) > 1;"
            f"CREATE TABLE networks_twice AS SELECT hash FROM {self._source('architectures')} "
            "GROUP BY 1 HAVING count(*) > 1"
        )
        claims = f"'{quoted(scratch)}/claims.parquet'"
        reader.run(f"COPY ({self._claims()}) TO {claims} (FORMAT parquet)")
        for texts, rows in self._networks():
            self._look_at(claims, texts, rows)
        if not reader.rows("SELECT 1 FROM taken_rows LIMIT 1"):
            return False
        for table, taken in (("experiments", "taken_rows"), ("architectures", "taken_networks")):
            reader.run(
                f"COPY (SELECT * FROM {self._source(table)} WHERE row_number IN (SELECT row_number FROM {taken})) "
                f"TO '{quoted(scratch / table)}.parquet' (FORMAT parquet)"
            )
        return True

    def _source(self, table: str) -> str:
        """Rows of a table, with their number from 1; columns that are younger than the file are null."""
        return source(self.reader, self.folder / f"{table}.parquet", table)

    def _is_typed(self) -> bool:
        """Whether the files' columns have the types that the tables' have: values then enter as they are."""
        types = {}
        for kind in (ExperimentRecord, ArchitectureRecord):
            expected = dict(
                self.reader.rows(
                    "SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = ? AND NOT internal",
                    [kind.table],
                )
            )
            file = matched(self.folder / f"{kind.table}.parquet")
            types = {name: type_ for name, type_, *_ in self.reader.rows(f"DESCRIBE FROM read_parquet('{file}')")}
            names = kind.column_names()
            if any(types.get(name, expected[name] if name in kind.later else "") != expected[name] for name in names):
                return False
        return True

    def _name(self, table: str, values: Sequence[str]) -> None:
        """A table of texts `v` and their positions `k`."""
        self.reader.run(
            f"CREATE TABLE {table} AS SELECT unnest(?::VARCHAR[]) AS v, unnest(range(len(?::VARCHAR[]))) AS k",
            [list(values), list(values)],
        )

    def _networks(self) -> Iterator[tuple[list[str], list[tuple[str, int]]]]:
        """Texts of networks whose hash is theirs alone, and hashes with row numbers, in pieces."""
        spaces: dict[str | None, bool] = {}
        asked = (
            f"SELECT hash, json, space, params, row_number FROM {self._source('architectures')} "
            "WHERE hash NOT IN (SELECT hash FROM networks_twice)"
        )
        texts: list[str] = []
        rows: list[tuple[str, int]] = []
        for batch in self.reader.batches(asked, 1_000):
            for digest, text, space, params, row in batch:
                if space not in spaces:
                    spaces[space] = _is_text(space)
                sound = spaces[space] and (params is None or _is_plain(params))
                if sound and text is not None and hashlib.sha256(text.encode()).hexdigest() == digest:
                    texts.append(text)
                    rows.append((digest, row))
            if len(texts) >= _NETWORKS:
                yield texts, rows
                texts, rows = [], []
        if texts:
            yield texts, rows

    def _claims(self) -> str:
        """What the rows that keep every rule claim, in SQL: written once, for networks are looked at in pieces."""
        claimed = ", ".join(f"e.{name}" for name in _CLAIMED)
        return (
            f"SELECT e.row_number, e.architecture, d.k AS dataset, r.k AS recipe, {claimed}, e.accuracy, "
            f"coalesce(e.curve[-1], 'nan'::DOUBLE) AS last FROM {self._source('experiments')} e "
            "JOIN known_datasets d ON d.v = e.dataset "
            "JOIN known_recipes r ON r.v = e.recipe SEMI JOIN known_versions v ON v.v = e.versions "
            f"WHERE {' AND '.join(_RULES)} "
            "AND hash(e.dataset, e.architecture, e.recipe, e.seed) NOT IN (SELECT h FROM twice)"
        )

    def _look_at(self, claims: str, texts: list[str], rows: list[tuple[str, int]]) -> None:
        """Note those experiments on these networks that are sound."""
        reader = self.reader
        reader.run("DELETE FROM chunk")
        reader.run(
            "INSERT INTO chunk SELECT unnest(?::VARCHAR[]), unnest(range(len(?::BIGINT[]))), unnest(?::BIGINT[])",
            [[digest for digest, _ in rows], [row for _, row in rows], [row for _, row in rows]],
        )
        found = reader.columns(
            f"SELECT e.* EXCLUDE (architecture), c.k AS network FROM read_parquet({claims}) e "
            "JOIN chunk c ON c.v = e.architecture"
        )
        number = found.pop("row_number")
        if not len(number):
            return
        typed: dict[str, Any] = {
            name: column.astype(np.float64 if name in ("accuracy", "last") else np.int64)
            for name, column in found.items()
        }
        sound = self.vouch(Claims(texts, self.named.datasets, self.named.recipes, **typed))
        reader.run("INSERT INTO taken_rows SELECT unnest(?::BIGINT[])", [number[sound].tolist()])
        used = np.unique(found["network"][sound]).tolist()
        reader.run("INSERT INTO taken_networks SELECT unnest(?::BIGINT[])", [[rows[at][1] for at in used]])


def source(reader: Connection, file: Path, table: str) -> str:
    """The rows of a Parquet file, with their number from 1, as it stands after FROM; columns that no table has are left
    out."""
    kind = {one.table: one for one in (ExperimentRecord, ArchitectureRecord)}[table]
    there = {name for (name,) in reader.rows(f"SELECT name FROM parquet_schema('{matched(file)}')")}
    younger = {name: f"NULL::{'VARCHAR' if name == 'source' else 'DOUBLE'} AS {name}" for name in kind.later - there}
    names = ", ".join(younger.get(name, f'"{name}"') for name in kind.column_names())
    return (
        f"(SELECT {names}, file_row_number + 1 AS row_number "
        f"FROM read_parquet('{matched(file)}', file_row_number = true))"
    )


def _is_plain(text: object) -> bool:
    """Whether a text is a JSON object as records write it."""
    try:
        return isinstance(text, str) and rule.json_text("json", "row", json.loads(text)) == text and _is_text(text)
    except (InvalidExperience, ValueError, RecursionError):
        return False


def _is_text(text: object) -> bool:
    with suppress(InvalidExperience):
        rule.text("text", "row", text, optional=True)
        return True
    return False


def _enter(reader: Connection, writer: Writer, scratch: Path, named: NamedRecords) -> None:
    """The copied rows into the database; those that it knows otherwise are left to be refused one by one."""
    connection = writer.connection
    names = ", ".join(f'"{name}"' for name in ExperimentRecord.column_names())
    identity = f"sha256(concat_ws('/', {', '.join(ExperimentRecord.identified_by)}))"
    file = f"read_parquet('{quoted(scratch)}/experiments.parquet')"
    connection.run(f"CREATE TEMP TABLE entering AS SELECT {identity} AS id, row_number, {names} FROM {file}")
    try:
        same = " AND ".join(f'e."{name}" IS NOT DISTINCT FROM n."{name}"' for name in ExperimentRecord.results)
        known = connection.columns(
            f"SELECT n.row_number, {same} AS same FROM entering n JOIN experiments e ON e.id = n.id"
        )
        alike = known["same"].astype(bool)
        other = known["row_number"][~alike].tolist()
        writer.already += int(alike.sum())
        reader.run("DELETE FROM taken_rows WHERE row_number IN (SELECT unnest(?::BIGINT[]))", [other])
        connection.run("DELETE FROM entering WHERE id IN (SELECT id FROM experiments)")
        for kind, records in ((DatasetRecord, named.datasets), (RecipeRecord, named.recipes)):
            used = {key for (key,) in connection.rows(f"SELECT DISTINCT {kind.row} FROM entering")}
            used -= stored(connection, kind, used).keys()
            insert(connection, kind, [one for one in records if one.identity in used])
        columns = ", ".join(ArchitectureRecord.column_names())
        connection.run(
            f"INSERT INTO architectures ({columns}) SELECT {columns} FROM "
            f"read_parquet('{quoted(scratch)}/architectures.parquet') "
            "WHERE hash IN (SELECT architecture FROM entering) AND hash NOT IN (SELECT hash FROM architectures)"
        )
        connection.run(f"INSERT INTO experiments (id, {names}) SELECT id, {names} FROM entering")
        writer.counts["experiment"] += int(connection.rows("SELECT count(*) FROM entering")[0][0])
    finally:
        connection.run("DROP TABLE temp.entering")


def _ask_for_networks(reader: Connection, folder: Path) -> None:
    """Networks that the rows which are left refer to are read again."""
    for table in ("experiments", "predictions"):
        file = folder / f"{table}.parquet"
        with suppress(InvalidDatabase, duckdb.Error):  # said where the table is read row by row
            rows = f"{source(reader, file, table)} WHERE {LEFT[table]}" if table in LEFT else f"'{matched(file)}'"
            if file.is_file():
                reader.run(f"INSERT INTO asked SELECT DISTINCT architecture::VARCHAR FROM {rows}")
