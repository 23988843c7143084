"""What a user is told of tables of one's own trainings: in the docs, and where something else was given."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from presage.steps.imports.columns import COLUMNS, RECIPE_COLUMNS

DOCS = Path(__file__).parents[2] / "docs" / "own-trainings.md"


def test_images_are_told_the_command_that_looks_at_them(presage: Callable, shapes_npz: Path, tmp_path: Path) -> None:
    outcome = presage("database", "import", shapes_npz, "--database", tmp_path / "new.duckdb")
    assert outcome.code == 2
    assert f"type `presage probe {shapes_npz}`" in outcome.err
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    outcome = presage("database", "import", tmp_path / "photos", "--database", tmp_path / "new.duckdb")
    assert outcome.code == 2
    assert outcome.err == (
        f"presage: The `PATH` of `presage database import` must be shards (*.jsonl), a folder of them or of Parquet "
        f"files, a table of trainings (*.csv, *.parquet), or a database. Got '{tmp_path}/photos'. For images, type "
        f"`presage probe {tmp_path}/photos`, or `presage populate {tmp_path}/photos` to train networks on them.\n"
    )
    assert not (tmp_path / "new.duckdb").exists()


def test_every_column_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    assert all(f"`{name}`" in text for name in (*COLUMNS, *RECIPE_COLUMNS))
