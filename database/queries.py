"""Reading: small tables as records, experiments by column, and the DCN query."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np

from presage.database.columns import ExperimentColumns, SimilarExperiments
from presage.database.connection import Connection
from presage.errors import InvalidArgument, InvalidDatabase, InvalidExperience, UnknownName
from presage.records.dcn_filter import TOLERANCE, similar_datasets
from presage.records.probe import RUNG
from presage.records.record import Record

__all__ = [
    "architecture_texts",
    "content_hash",
    "difficulties",
    "experiments",
    "operation_names",
    "records",
    "records_among",
    "similar",
]

_ARRAYS = tuple(field.name for field in fields(ExperimentColumns) if field.default is None)
_SCALARS = tuple(
    field.name
    for field in fields(ExperimentColumns)
    if field.name not in ("datasets", "recipes", "dataset", "recipe", "architecture", "status", *_ARRAYS)
)

MOST_SEARCHED = 100_000
"""Networks whose texts are searched for the names of operations: what takes 13 CPU seconds of a million takes one."""

R = TypeVar("R", bound=Record)


def records(connection: Connection, kind: type[R], **wanted: object) -> list[R]:
    """Rows of a table as records, in the order of their key; `wanted` gives columns that must equal a value."""
    return _records(connection, kind, *_where({name: value for name, value in wanted.items() if value is not None}))


def records_among(connection: Connection, kind: type[R], keys: Sequence[str], **wanted: object) -> list[R]:
    """`records`, of these keys alone."""
    where, values = _where({name: value for name, value in wanted.items() if value is not None})
    where += f"{' AND' if where else 'WHERE'} {kind.key} IN (SELECT unnest(?::VARCHAR[]))"
    return _records(connection, kind, where, [*values, list(keys)])


def _records(connection: Connection, kind: type[R], where: str, values: list[object]) -> list[R]:
    columns = kind.column_names()
    names = ", ".join(f'"{name}"' for name in columns)
    found = connection.rows(f"SELECT {names} FROM {kind.table} {where} ORDER BY {kind.key}", values)
    try:
        return [kind.from_columns(dict(zip(columns, row, strict=True))) for row in found]
    except InvalidExperience as error:
        raise InvalidDatabase(
            f"The database {connection.path} holds a damaged row: {error} `presage database check` names all."
        ) from None


def architecture_texts(connection: Connection, hashes: Iterable[str] | None = None) -> dict[str, str]:
    """JSON text of architectures by hash; all of them, or those asked for."""
    if hashes is None:
        return dict(connection.rows("SELECT hash, json FROM architectures ORDER BY hash"))
    wanted = sorted(set(hashes))
    found = dict(
        connection.rows(
            "SELECT hash, json FROM architectures WHERE hash IN (SELECT unnest(?::VARCHAR[])) ORDER BY hash", [wanted]
        )
    )
    missing = [key for key in wanted if key not in found]
    if missing:
        raise InvalidDatabase(
            f"The database {connection.path} holds no architecture {missing[0]}. Try `presage database check`."
        )
    return found


def operation_names(connection: Connection) -> frozenset[str]:
    """Names of the operations in the JSON text of all architectures; of more than `MOST_SEARCHED`, of about so many.

    Hashes begin as if drawn, so that those that begin with the least are a fair sample.
    """
    [(count,)] = connection.rows("SELECT count(*) FROM architectures")
    least = f"{min(int(MOST_SEARCHED / max(count, 1) * (1 << 32)), (1 << 32) - 1):08x}"
    where = "" if count <= MOST_SEARCHED else f"WHERE hash < '{least}'"
    query = (
        rf"""SELECT DISTINCT unnest(regexp_extract_all(json, '"op": ?"([a-z0-9_]+)"', 1)) FROM architectures {where}"""
    )
    return frozenset(name for (name,) in connection.rows(query))


def experiments(
    connection: Connection,
    *,
    datasets: Collection[str] | None = None,
    recipe: str | None = None,
    space: str | None = None,
    status: str | None = "finished",
    arrays: bool = False,
    ordered: bool = True,
    among: Collection[str] | None = None,
    apart: Collection[str] = (),
) -> ExperimentColumns:
    """Experiments by column, those of all the datasets, recipes and spaces that are not narrowed down.

    Args:
        connection: the open file.
        datasets: fingerprints.
        recipe: hash.
        space: name of the space the architecture was first sampled from.
        status: one of `presage.records.experiment.STATUSES`, or None for all.
        arrays: also read curves, losses and accuracies by depth.
        ordered: by dataset, architecture, recipe and seed: equal content, equal order. Else as stored.
        among: only these (ids).
        apart: none of these (ids).
    """
    found = sorted(datasets) if datasets is not None else _distinct(connection, "dataset")
    recipes = [recipe] if recipe is not None else _distinct(connection, "recipe")
    names = _SCALARS + (() if status else ("status",)) + (_ARRAYS if arrays else ())
    chosen = ", ".join(f'e."{name}"' for name in names)
    wanted, values = _where({"status": status, "space": space} if space else {"status": status})
    if among is not None:
        wanted = f"{wanted}{' AND' if wanted else 'WHERE'} e.id IN (SELECT unnest(?::VARCHAR[]))"
        values = [*values, list(among)]
    if apart:
        wanted = f"{wanted}{' AND' if wanted else 'WHERE'} e.id NOT IN (SELECT unnest(?::VARCHAR[]))"
        values = [*values, list(apart)]
    join = "JOIN architectures a ON a.hash = e.architecture" if space else ""
    order = "ORDER BY e.dataset, e.architecture, e.recipe, e.seed" if ordered else ""
    # The few datasets and recipes come back as positions: a Python string for each row would take most of the time.
    table = connection.columns(
        f"SELECT d.k AS dataset, r.k AS recipe, e.architecture, {chosen} FROM experiments e "
        f"JOIN ({_POSITIONS}) d ON d.v = e.dataset JOIN ({_POSITIONS}) r ON r.v = e.recipe {join} {wanted} {order}",
        [found, found, recipes, recipes, *values],
    )
    if status:
        table["status"] = np.full(len(table["seed"]), status, dtype=object)
    return _columns(table, found, recipes)


_POSITIONS = "SELECT unnest(?::VARCHAR[]) AS v, generate_subscripts(?::VARCHAR[], 1) - 1 AS k"


def difficulties(connection: Connection, version: str | None = None) -> dict[str, float]:
    """DCN of each probed dataset by fingerprint, mean over seeds.

    Args:
        connection: the open file.
        version: of the probe; may be left out while only one version is stored, for two are never compared. Rungs of
            its ladder do not count.

    Raises:
        InvalidArgument: where several versions are stored and none was named.
        UnknownName: where there is none of that name.
    """
    stored = (v for (v,) in connection.rows("SELECT DISTINCT version FROM probes ORDER BY version"))
    versions = [v for v in stored if RUNG not in v]
    if not versions:
        return {}
    if version is None and len(versions) > 1:
        raise InvalidArgument("version", "Database.similar", f"be one of {', '.join(versions)}", None)
    if version is not None and version not in versions:
        raise UnknownName("probe version", version, versions)
    return dict(
        connection.rows(
            "SELECT dataset, avg(dcn) FROM probes WHERE version = ? GROUP BY dataset ORDER BY dataset",
            [version or versions[0]],
        )
    )


def similar(
    connection: Connection,
    dcn: float,
    *,
    tolerance: float = TOLERANCE,
    least: int = 1,
    version: str | None = None,
    exclude: Collection[str] = (),
    recipe: str | None = None,
    arrays: bool = False,
    ordered: bool = False,
) -> SimilarExperiments:
    """All finished experiments on datasets of like difficulty, by TAPAS's filter: `presage.records.dcn_filter`.

    Args:
        connection: the open file.
        dcn: of the dataset at hand, in [0, 1].
        tolerance: τ.
        least: experiments wanted at least.
        version: of the probe that gave `dcn`.
        exclude: fingerprints that must not take part, such as the dataset at hand in an evaluation.
        recipe: only experiments by this recipe.
        arrays, ordered: as in `experiments`.
    """
    if not 0 <= dcn <= 1:
        raise InvalidArgument("dcn", "Database.similar", "lie in [0, 1]", dcn)
    if not tolerance >= 0:
        raise InvalidArgument("tolerance", "Database.similar", "be at least 0", tolerance)
    known = difficulties(connection, version)
    where, values = _where({"status": "finished", "recipe": recipe})
    counts = dict(connection.rows(f"SELECT dataset, count(*) FROM experiments e {where} GROUP BY dataset", values))
    allowed = {key: count for key, count in counts.items() if key not in exclude}
    near, reach = similar_datasets(dcn, known, allowed, tolerance=tolerance, least=least)
    widened = reach > tolerance
    found = experiments(connection, datasets=near, recipe=recipe, arrays=arrays, ordered=ordered)
    note = f"{len(found)} experiments on {len(near)} datasets with |ΔDCN| ≤ {reach:.3g}"
    if widened:
        note += f", widened from {tolerance:g} where fewer than {least} were left"
    if len(found) < least:
        note += f": fewer than the {least} wanted, and there are no more"
    return SimilarExperiments(found, tuple(known[key] for key in found.datasets), reach, widened, f"{note}.")


def content_hash(connection: Connection, where: str = "true", values: Sequence[object] = ()) -> str:
    """Digest of all that predictors learn from. The same in any order of rows.

    Results of experiments, and probes of the datasets they are on.

    Args:
        connection: the open file.
        where: of which experiments, in SQL.
        values: of its parameters.
    """
    found = connection.rows(
        f"""
        WITH kept AS (SELECT * FROM experiments WHERE {where})
        SELECT 'experiments', count(*), bit_xor(md5_number(concat_ws('|', id, status, coalesce(accuracy::VARCHAR, '-'),
            coalesce(test_accuracy::VARCHAR, '-'), curve::VARCHAR, depth_accuracies::VARCHAR,
            parameters, multiply_adds, activation_bytes, "depth")))::VARCHAR FROM kept
        UNION ALL
        SELECT 'probes', count(*), bit_xor(md5_number(concat_ws('|', id, dcn, description)))::VARCHAR FROM probes
        WHERE dataset IN (SELECT dataset FROM kept)
        ORDER BY 1
        """,
        values,
    )
    return hashlib.sha256(repr(found).encode()).hexdigest()


def _columns(table: dict[str, Any], datasets: Sequence[str], recipes: Sequence[str]) -> ExperimentColumns:
    """Positions in the candidates become positions in what occurs."""
    for name in _ARRAYS:
        if name in table:
            table[name] = [np.asarray(values, dtype=np.float64) for values in table[name]]
    occurring: dict[str, Any] = {}
    for name, candidates in (("dataset", datasets), ("recipe", recipes)):
        present = np.bincount(table[name], minlength=len(candidates)) > 0
        table[name] = (np.cumsum(present) - 1)[table[name]]
        occurring[f"{name}s"] = tuple(c for c, there in zip(candidates, present, strict=True) if there)
    table["depth"] = table["depth"].astype(np.int64)
    return ExperimentColumns(**occurring, **table)


def _distinct(connection: Connection, column: str) -> list[str]:
    return [v for (v,) in connection.rows(f"SELECT DISTINCT {column} FROM experiments ORDER BY 1")]


def _where(wanted: dict[str, object]) -> tuple[str, list[object]]:
    terms = [f'"{name}" = ?' for name, value in wanted.items() if value is not None]
    return (f"WHERE {' AND '.join(terms)}" if terms else ""), [v for v in wanted.values() if v is not None]
