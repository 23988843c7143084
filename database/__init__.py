"""The lifelong database of experiments: rows and SQL, and the only importer of DuckDB.

It knows neither torch nor Optuna nor what an architecture is. The seed of shipped experiments lies in ``seed/``.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from database.check import Damage, check_file
    from database.columns import ExperimentColumns, SimilarExperiments
    from database.entries import ExperimentEntry, PredictionEntry, ProbeEntry, entry_from_json, entry_to_json
    from database.info import DatabaseInfo
    from database.opening import check_opens
    from database.paths import default_path
    from database.records import (
        ArchitectureRecord,
        DatasetRecord,
        ExperimentRecord,
        PredictionRecord,
        ProbeRecord,
        RecipeRecord,
        experiment_id,
    )
    from database.shipped import write_seed
    from database.store import Database
    from database.write import ImportReport, Refusal

_HOME = {
    "Damage": "check",
    "Database": "store",
    "DatabaseInfo": "info",
    "check_file": "check",
    "check_opens": "opening",
    "write_seed": "shipped",
    "ExperimentColumns": "columns",
    "SimilarExperiments": "columns",
    "ExperimentEntry": "entries",
    "PredictionEntry": "entries",
    "ProbeEntry": "entries",
    "entry_from_json": "entries",
    "entry_to_json": "entries",
    "default_path": "paths",
    "ArchitectureRecord": "records",
    "DatasetRecord": "records",
    "ExperimentRecord": "records",
    "PredictionRecord": "records",
    "ProbeRecord": "records",
    "RecipeRecord": "records",
    "experiment_id": "records",
    "ImportReport": "write",
    "Refusal": "write",
}

__all__ = [
    "ArchitectureRecord",
    "Damage",
    "Database",
    "DatabaseInfo",
    "DatasetRecord",
    "ExperimentColumns",
    "ExperimentEntry",
    "ExperimentRecord",
    "ImportReport",
    "PredictionEntry",
    "PredictionRecord",
    "ProbeEntry",
    "ProbeRecord",
    "RecipeRecord",
    "Refusal",
    "SimilarExperiments",
    "check_file",
    "check_opens",
    "default_path",
    "entry_from_json",
    "entry_to_json",
    "experiment_id",
    "write_seed",
]


def __getattr__(name: str) -> Any:
    """Import on first use: DuckDB takes a tenth of a second that `import presage` must not."""
    if name not in _HOME:
        raise AttributeError(f"module 'database' has no attribute {name!r}")
    return getattr(import_module(f"database.{_HOME[name]}"), name)
