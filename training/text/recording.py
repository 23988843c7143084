"""What a training on a text knows, as records of experience."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.serial import cell_to_json
from presage.records.cell import CellRecord
from presage.records.entries import TextExperimentEntry
from presage.records.text import TextRecord
from presage.records.text_experiment import TextExperimentRecord
from presage.records.text_recipe import TextRecipeRecord
from presage.training.hardware import device_name, versions
from presage.training.text.fitting import TextTraining
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData

__all__ = ["text_entry", "text_record"]


def text_record(data: TextData) -> TextRecord:
    """The text as its fingerprint, its sizes, and how much single symbols and pairs of them tell."""
    train = data.parts[0].astype(np.int64)
    unigram = _entropy(np.unique(train, return_counts=True)[1])
    pairs = _entropy(np.unique(train[:-1] * len(data.symbols) + train[1:], return_counts=True)[1])
    return TextRecord(
        fingerprint=data.fingerprint,
        name=data.name,
        words=data.words,
        symbols=len(data.symbols),
        length=len(data.codes),
        unigram_entropy=round(unigram, 6),
        bigram_entropy=round(max(pairs - unigram, 0.0), 6),
    )


def text_entry(
    text: TextRecord,
    cell: RecurrentCell,
    recipe: TextRecipe,
    seed: int,
    training: TextTraining,
    space: str | None = None,
    params: Mapping[str, object] | None = None,
) -> TextExperimentEntry:
    """A training that ended now, together with all that it names. Values are rounded to 6 digits."""
    record = TextExperimentRecord(
        text=text.fingerprint,
        cell=cell.hash,
        text_recipe=recipe.hash,
        seed=seed,
        metric=training.metric,
        status=training.status,
        value=_rounded(training.value),
        test_value=_rounded(training.test_value),
        curve=tuple(round(value, 6) for value in training.curve),
        train_losses=tuple(round(value, 6) for value in training.train_losses),
        parameters=training.parameters,
        hidden=training.hidden,
        embedding=training.embedding,
        multiply_adds=cell.multiply_adds(training.hidden, training.embedding),
        depth=cell.depth,
        seconds=round(training.seconds, 3),
        device=device_name(training.device),
        versions=versions(),
        failure=None if training.status == "finished" else "The loss became NaN or infinite.",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    origin = None if params is None else dict(params)
    return TextExperimentEntry(
        text,
        CellRecord(cell.hash, cell_to_json(cell.canonical), space, origin),
        TextRecipeRecord(recipe.hash, recipe.to_json()),
        record,
    )


def _entropy(counts: np.ndarray) -> float:
    """Bits."""
    share = counts / counts.sum()
    return float(-(share * np.log2(share)).sum()) if len(counts) > 1 else 0.0


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)
