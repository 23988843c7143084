"""Work that is killed, stopped or starved of room, again and again: what it comes to, and whether that is whole."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from presage.database import Database
from presage.records.testing import experiment_entry
from presage.search import SearchSettings, run_search
from presage.search.strategies import SAMPLERS
from presage.search.testing import TableScorer, TableTrainer
from tests.hostile import sessions
from tests.hostile.readers import RECIPE, SPACE, blocks, stored

__all__ = ["VICTIMS", "Victim"]

Victim = Callable[[Path], object]
"""Does its work in a folder, from wherever an earlier attempt left it; gives what it came to, as JSON."""

_TIMES = ("seconds", "created_at")


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _timeless(inner) for name, inner in value.items() if name not in _TIMES}
    return [_timeless(inner) for inner in value] if isinstance(value, list) else value


def _content(path: Path) -> object:
    with Database.open(path) as database:
        damage = [str(one) for one in database.check()]
        counts = database.info().to_json()["rows"]
        return {"content": database.content_hash(), "damage": damage, "rows": counts}


def search(strategy: str) -> Victim:
    """A search of two rounds by a strategy, its experiments stored in a database."""

    def work(folder: Path) -> object:
        with Database.open(folder / "x.duckdb") as database:
            result = run_search(
                blocks(),
                space=SPACE,
                recipe=RECIPE,
                settings=SearchSettings(strategy, candidates=60, shortlist=2, rounds=2, batch=20, compare_random=1),
                scorer=lambda number, verified: TableScorer(),
                run_folder=folder / "run",
                trainer=TableTrainer(RECIPE.epochs),
                database=database,
            )
        journal = json.loads(json.dumps(result.to_json()))
        return [_timeless(journal), _content(folder / "x.duckdb")["rows"]]  # type: ignore[index]

    return work


def imported(folder: Path) -> object:
    """A hundred experiments out of shards."""
    from presage.records.shards import append_entry

    if not (folder / "shards" / "done").exists():
        (folder / "shards").mkdir(exist_ok=True)
        (folder / "shards" / "a.jsonl").unlink(missing_ok=True)
        for number in range(100):
            append_entry(folder / "shards" / "a.jsonl", experiment_entry(number))
        (folder / "shards" / "done").touch()
    with Database.open(folder / "x.duckdb") as database:
        database.import_shards([folder / "shards"])
    return _content(folder / "x.duckdb")


def merged(folder: Path) -> object:
    """Another database taken in."""
    if not (folder / "done").exists():
        (folder / "theirs.duckdb").unlink(missing_ok=True)
        (folder / "theirs.duckdb.wal").unlink(missing_ok=True)
        stored(folder / "theirs.duckdb")
        (folder / "done").touch()
    with Database.open(folder / "mine.duckdb") as database:
        database.merge(folder / "theirs.duckdb")
    return _content(folder / "mine.duckdb")


def exported(folder: Path) -> object:
    """A database written as Parquet."""
    if not (folder / "done").exists():
        for path in folder.glob("x.duckdb*"):
            path.unlink()
        stored(folder / "x.duckdb")
        (folder / "done").touch()
    with Database.open(folder / "x.duckdb") as database:
        database.export_parquet(folder / "out")
    files = sorted((folder / "out").glob("*.parquet"))
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


VICTIMS: dict[str, Victim] = {
    "import": imported,
    "merge": merged,
    "export": exported,
    "sync": sessions.synced,
    "train": sessions.trained,
    "populate": sessions.populated,
    "predict": sessions.predicted,
    "evaluate": sessions.evaluated,
    **{f"search by {strategy}": search(strategy) for strategy in sorted(SAMPLERS)},
}
"""By what they do."""
