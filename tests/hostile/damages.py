"""Files changed by somebody who knows their form: values within a sound file, checksums and all."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from tests.hostile.mutation import mutated
from tests.hostile.soundness import MARKUP

__all__ = ["arrays_within", "columns", "forged", "resealed", "rows_of"]

_COLUMNS = {
    "architectures": ["json", "space", "hash", "params"], "recipes": ["json", "hash"],
    "datasets": ["classes", "channels", "name", "height", "fingerprint"],
    "experiments": [
        "accuracy", "curve", "parameters", "status", "depth_accuracies", "versions", "seed", "dataset", "architecture",
        "test_accuracy", "seconds", "device", "created_at", "id",
    ],
    "probes": ["dcn", "curve", "description", "version", "versions", "dataset"],
    "predictions": ["value", "lower", "upper", "predictor"],
}  # fmt: skip
_VALUES = (
    "", "x", "{}", "[1]", '{"format": 1}', "-1", "0.5", "1e300", "nan", "inf", "[[[[", "\x1b", "9" * 30, MARKUP,
    "../../x", "/etc/passwd", "NULL", "1e999", "[0.5, nan]", "[2.0]", "[]", "😀" * 99,
)  # fmt: skip


class rows_of:  # noqa: N801 - called as a function is
    """Changes a value of a row of a database, as another program would."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, folder: Path, rng: np.random.Generator) -> None:
        import duckdb

        with duckdb.connect(str(folder / self._name)) as raw:
            _change(raw, rng)


def _change(raw: object, rng: np.random.Generator) -> None:
    import duckdb

    assert isinstance(raw, duckdb.DuckDBPyConnection)
    table = list(_COLUMNS)[int(rng.integers(len(_COLUMNS)))]
    column = _COLUMNS[table][int(rng.integers(len(_COLUMNS[table])))]
    old = raw.execute(f'SELECT "{column}" FROM {table} LIMIT 1').fetchone()
    text: str | None = _VALUES[int(rng.integers(len(_VALUES)))]
    if old is not None and isinstance(old[0], str) and rng.random() < 0.5:
        text = mutated(old[0].encode(), rng).decode("utf-8", "ignore").replace("\0", "")
    with suppress(duckdb.Error):
        raw.execute(f'UPDATE {table} SET "{column}" = ?', [None if text == "NULL" else text])


_STATEMENTS = (
    "DROP TABLE probes", "ALTER TABLE experiments DROP COLUMN curve", "DELETE FROM migrations",
    "UPDATE migrations SET version = 99", "UPDATE migrations SET version = -1", "DROP TABLE migrations",
    "ALTER TABLE datasets RENAME TO hidden; CREATE VIEW datasets AS SELECT * FROM hidden",
    "ALTER TABLE probes RENAME TO hidden; CREATE VIEW probes AS SELECT h.* REPLACE (s.content AS description) "
    "FROM hidden h, read_text('/etc/hostname') s",
    "ALTER TABLE recipes RENAME TO hidden; CREATE VIEW recipes AS WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL "
    "SELECT n + 1 FROM r) SELECT hash, n::VARCHAR AS json FROM hidden, r",
    "CREATE MACRO len(x) AS 99", "CREATE MACRO max(x) AS 'x'", "CREATE MACRO strlen(x) AS 0",
    "CREATE MACRO count(x) AS 0", "CREATE MACRO coalesce(x, y) AS 1", "CREATE MACRO lower(x) AS 'x'",
    "CREATE SCHEMA other; CREATE TABLE other.datasets AS FROM datasets",
    "ALTER TABLE experiments ALTER accuracy TYPE VARCHAR", "ALTER TABLE architectures ADD COLUMN extra VARCHAR",
    "ALTER TABLE experiments ALTER seconds SET DEFAULT 1", "DELETE FROM architectures", "DELETE FROM datasets",
    "INSERT INTO experiments SELECT * REPLACE (id || 'x' AS id) FROM experiments",
    "CREATE TABLE huge AS SELECT repeat('x', 1000000) AS x FROM range(3)",
    "CREATE TYPE VARCHAR2 AS VARCHAR", "CREATE SEQUENCE s; ALTER TABLE probes ALTER seed SET DEFAULT nextval('s')",
)  # fmt: skip


def forged(folder: Path, rng: np.random.Generator) -> None:
    """Changes somebody else's database by a statement, a value, or both."""
    import duckdb

    with duckdb.connect(str(folder / "theirs.duckdb")) as raw:
        if rng.random() < 0.6:
            with suppress(duckdb.Error):
                raw.execute(_STATEMENTS[int(rng.integers(len(_STATEMENTS)))])
        if rng.random() < 0.6:
            with suppress(duckdb.Error):
                _change(raw, rng)


def columns(folder: Path, rng: np.random.Generator) -> None:
    """Writes one of the Parquet files anew, with a column of other values, another type or another name."""
    import duckdb

    paths = sorted(folder.glob("*.parquet"))
    path = paths[int(rng.integers(len(paths)))]
    with duckdb.connect() as raw:
        raw.execute(f"CREATE TABLE t AS FROM '{path}'")
        names = [row[0] for row in raw.execute("DESCRIBE t").fetchall()]
        name = names[int(rng.integers(len(names)))]
        value = _VALUES[int(rng.integers(len(_VALUES)))]
        statements = (
            f'UPDATE t SET "{name}" = $value', f'ALTER TABLE t DROP COLUMN "{name}"',
            f'ALTER TABLE t RENAME COLUMN "{name}" TO other', f'ALTER TABLE t ALTER "{name}" TYPE VARCHAR',
            "INSERT INTO t FROM t", "DELETE FROM t", f'ALTER TABLE t ALTER "{name}" TYPE VARCHAR[] USING [$value]',
        )  # fmt: skip
        statement = statements[int(rng.choice(len(statements), p=[0.5, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05]))]
        with suppress(duckdb.Error):
            raw.execute(statement, {"value": value} if "$value" in statement else {})
        path.unlink()
        raw.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def arrays_within(folder: Path, rng: np.random.Generator) -> None:
    """An npz whose arrays are of other types, shapes and values, or other names."""
    with np.load(folder / "d.npz") as file:
        arrays = dict(file)
    name = list(arrays)[int(rng.integers(len(arrays)))]
    array = arrays[name]
    labels = array.ndim == 1
    match int(rng.integers(0, 10)):
        case 0:
            kinds = ("float64", "float16", "int8", "bool", "complex64", "U5", "S3", "uint64", "datetime64[s]")
            with suppress(ValueError, TypeError):
                arrays[name] = array.astype(kinds[int(rng.integers(len(kinds)))])
        case 1:
            arrays[name] = array[: int(rng.integers(0, len(array)))]
        case 2:
            arrays[name] = array.reshape(-1)
        case 3:
            arrays[name] = array[..., None, None]
        case 4:
            arrays[name] = np.full(array.shape, [np.nan, np.inf, -1.0, 1e300, 256.0, 0.5][int(rng.integers(6))])
        case 5:
            arrays[f"{name}2"] = arrays.pop(name)
        case 6:
            arrays[name] = array[:, :0] if not labels else array[:0]
        case 7:
            arrays[name] = np.zeros((len(array), *(int(one) for one in rng.integers(1, 9, 3))), np.uint8)
        case 8:
            arrays["x_test"] = arrays.get("x_train", array)[: int(rng.integers(0, 5))]
        case _:
            arrays["y_train"] = rng.integers(-2, 4, 12) * int(rng.choice([1, 1, 10**9]))
    np.savez_compressed(folder / "d.npz", **arrays)  # type: ignore[arg-type] # arrays by any name


def resealed(folder: Path, rng: np.random.Generator) -> None:
    """A model of which weights or description were changed, with the digest of what is there now."""
    weights, description = folder / "model" / "weights.safetensors", folder / "model" / "architecture.json"
    chosen = weights if rng.random() < 0.5 else description
    chosen.write_bytes(mutated(chosen.read_bytes(), rng))
    with suppress(ValueError, TypeError, RecursionError):
        described = json.loads(description.read_bytes())
        described["weights_sha256"] = hashlib.sha256(weights.read_bytes()).hexdigest()
        description.write_text(json.dumps(described), encoding="utf-8")
