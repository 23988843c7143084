"""The schema as Markdown, out of the comments in the migrations: ``python -m presage.database.schema``."""

from __future__ import annotations

from presage.database.migrate import in_memory, latest

__all__ = ["schema_markdown"]


def schema_markdown() -> str:
    """Tables and columns with their types and what they mean, for the docs."""
    connection = in_memory()
    try:
        tables = connection.rows(
            "SELECT table_name, comment FROM duckdb_tables() WHERE NOT internal ORDER BY table_oid"
        )
        columns = connection.rows(
            "SELECT table_name, column_name, data_type, is_nullable, comment FROM duckdb_columns() WHERE NOT internal "
            "ORDER BY column_index"
        )
    finally:
        connection.close()
    lines = [f"Schema version {latest()}."]
    for table, comment in tables:
        lines += ["", f"### `{table}`", "", comment, "", "| column | type | meaning |", "|---|---|---|"]
        for of, column, data_type, nullable, meaning in columns:
            if of == table:
                lines.append(f"| `{column}` | {data_type}{', or null' if nullable else ''} | {meaning} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(schema_markdown(), end="")
