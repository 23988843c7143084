"""What is taken in of somebody else's tables at most: rows, and bytes of a value, of a batch, of what is kept at once.

A column of a file can hold one long text for each of a million rows and take no more room than one of them.
"""

from __future__ import annotations

from presage.database.connection import Connection
from presage.errors import InvalidDatabase

__all__ = ["MOST_KEPT", "MOST_ROWS", "MOST_VALUE", "rows_at_once"]

MOST_ROWS = 20_000_000
"""Of one table."""
MOST_VALUE = 16 << 20
"""Bytes of one text, or of one list, in a row."""
MOST_KEPT = 1 << 30
"""Bytes of all texts of a table whose rows others name, and which are therefore kept while these are read."""
_AT_ONCE = 128 << 20  # bytes of the rows that are fetched at once
_MOST_AT_ONCE = 5_000
_NUMBERS = frozenset(
    f"{one}[]" for one in ("DOUBLE", "FLOAT", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "BOOLEAN")
)


def rows_at_once(connection: Connection, relation: str, what: str, *, kept: bool = False) -> int:
    """How many rows of a relation may be fetched at once.

    Args:
        relation: in SQL, as it stands after FROM.
        what: it is, for errors.
        kept: all its rows are held at once.

    Raises:
        InvalidDatabase: it holds more than is taken in, or values that no table has.
    """
    inside = f"{what[0].lower()}{what[1:]}"
    described = connection.rows(f"DESCRIBE FROM {relation}")
    sizes = {str(name): _size(str(name), str(kind), inside) for name, kind, *_ in described}
    sized = {name: size for name, size in sizes.items() if size}
    asked = ["count(*)", *(f"max({size})" for size in sized.values()), *(f"sum({size})" for size in sized.values())]
    rows, *found = connection.rows(f"SELECT {', '.join(asked)} FROM {relation}")[0]
    if rows > MOST_ROWS:
        raise InvalidDatabase(f"{what} must have at most {MOST_ROWS:,} rows to be taken in. It has {rows:,}.")
    longest = [int(one or 0) for one in found[: len(sized)]]
    for name, size in zip(sized, longest, strict=True):
        if size > MOST_VALUE:
            raise InvalidDatabase(
                f"The column `{name}` of {inside} must hold at most {MOST_VALUE:,} bytes in a row to be taken in. "
                f"It holds {size:,}."
            )
    whole = sum(int(one or 0) for one in found[len(sized) :])
    if kept and whole > MOST_KEPT:
        raise InvalidDatabase(
            f"{what} must hold at most {MOST_KEPT:,} bytes of text to be taken in. It holds {whole:,}."
        )
    return max(1, min(_MOST_AT_ONCE, _AT_ONCE // max(sum(longest), 1)))


def _size(name: str, kind: str, inside: str) -> str:
    """Bytes of a value of a column, in SQL; "" where they are few."""
    column = '"{}"'.format(name.replace('"', '""'))
    if kind in ("VARCHAR", "JSON") or kind.startswith("ENUM"):
        return f"strlen({column}::VARCHAR)"
    if kind in ("BLOB", "BIT"):
        return f"octet_length({column})"
    if kind in _NUMBERS:
        return f"8 * len({column})"
    if kind == "VARCHAR[]":
        return f"list_sum([strlen(one) + 8 for one in {column}])"
    if kind.startswith("DECIMAL") or not any(sign in kind for sign in "([{"):
        return ""
    raise InvalidDatabase(f"The column `{name}` of {inside} must hold values, or lists of them.")
