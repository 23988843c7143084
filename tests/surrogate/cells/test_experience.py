"""Trainings on texts become cells beside a GRU; a text whose cells were chosen teaches nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.features import cell_features
from presage.architecture.recurrent.published import published
from presage.architecture.recurrent.serial import cell_to_json
from presage.architecture.recurrent.spaces import RnnDarts
from presage.database import Database
from presage.records.cell import CellRecord
from presage.records.entries import TextExperimentEntry
from presage.records.text import TextRecord
from presage.records.text_experiment import TextExperimentRecord
from presage.records.text_recipe import TextRecipeRecord
from presage.surrogate.cells.experience import load_cells
from presage.training.text.recipe import TextRecipe

RECIPE = TextRecipe(epochs=1)
SHARES = {"gru": 1.0, "lstm": 1.1, "rnn": 1.2, "enas": 1.4}


def entry(text: int, cell: RecurrentCell, value: float | None, seed: int = 0, words: int = 0) -> TextExperimentEntry:
    fingerprint = f"{text:064x}"
    return TextExperimentEntry(
        TextRecord(fingerprint, f"text {text}", words, 50, 10_000, 4.5, 3.5),
        CellRecord(cell.hash, cell_to_json(cell.canonical), None, None),
        TextRecipeRecord(RECIPE.hash, RECIPE.to_json()),
        TextExperimentRecord(
            fingerprint, cell.hash, RECIPE.hash, seed, "perplexity" if words else "bits_per_character",
            "diverged" if value is None else "finished", value, value, () if value is None else (value,),
            () if value is None else (1.0,), 1000, 10, 8, 100, 1, 1.0, "cpu", {}, None, "2026-01-01T00:00:00+00:00",
        ),
    )  # fmt: skip


def published_on(text: int, level: float, names: Iterable[str] = SHARES) -> list[TextExperimentEntry]:
    return [entry(text, published(name), level * SHARES[name]) for name in names]


@pytest.fixture
def database(tmp_path: Path) -> Iterable[Database]:
    with Database.open(tmp_path / "a.duckdb") as opened:
        yield opened


def some(count: int) -> list[RecurrentCell]:
    space = RnnDarts(nodes=3)
    return space.cells(space.sample(count, np.random.default_rng(1)))


def test_values_are_beside_a_gru_of_the_same_text(database: Database) -> None:
    one = some(1)[0]
    database.add_text_experiments(
        [*published_on(0, 2.0), *published_on(1, 4.0), entry(0, one, 2.5), entry(1, one, 3.0)]
    )
    found = load_cells(database)
    told = {(cell, text): value for cell, text, value in zip(found.cells, found.text, found.relative, strict=True)}
    for name, share in SHARES.items():
        assert told[published(name).hash, 0] == pytest.approx(share - 1)
    assert told[one.hash, 0] == pytest.approx(0.25)
    assert told[one.hash, 1] == pytest.approx(-0.25)
    assert (len(found), found.trainings, len(found.texts)) == (10, 10, 2)
    at = found.cells.index(one.hash)
    np.testing.assert_array_equal(found.features[at], cell_features([one])[0])


def test_a_text_without_the_gru_is_told_by_its_other_published_cells(database: Database) -> None:
    one = some(1)[0]
    others = published_on(1, 3.0, ("lstm", "rnn", "enas"))
    database.add_text_experiments([*published_on(0, 2.0), *others, entry(1, one, 3.3)])
    found = load_cells(database)
    assert found.relative[found.cells.index(one.hash)] == pytest.approx(0.1)


def test_a_text_of_chosen_cells_alone_teaches_nothing(database: Database) -> None:
    chosen = [entry(1, cell, 1.5 + at / 100) for at, cell in enumerate(some(12))]
    database.add_text_experiments([*published_on(0, 2.0), *published_on(1, 3.0, ("gru", "lstm")), *chosen])
    found = load_cells(database)
    assert found.texts == (f"{0:064x}",)
    assert found.trainings == 4


def test_seeds_are_averaged_and_what_diverged_is_counted(database: Database) -> None:
    first, second = some(2)
    database.add_text_experiments(
        [
            *published_on(0, 2.0),
            entry(0, first, 2.2),
            entry(0, first, 2.6, 1),
            entry(0, first, None, 2),
            entry(0, second, None),
        ]
    )
    found = load_cells(database)
    assert found.relative[found.cells.index(first.hash)] == pytest.approx(0.2)
    assert found.diverged[found.cells.index(first.hash)] == pytest.approx(1 / 3)
    at = found.cells.index(second.hash)
    assert math.isnan(found.relative[at])
    assert found.diverged[at] == 1.0
    assert found.trainings == 8
    kept = found.finished
    assert set(kept.cells) == set(found.cells) - {second.hash}
    assert not np.isnan(kept.relative).any()


def test_perplexities_are_compared_in_bits_a_word(database: Database) -> None:
    words = [
        replace(made, text=replace(made.text, words=100))
        for made in (entry(0, published(name), 2 ** (4 * share), words=100) for name, share in SHARES.items())
    ]
    database.add_text_experiments(words)
    found = load_cells(database)
    told = dict(zip(found.cells, found.relative, strict=True))
    assert told[published("enas").hash] == pytest.approx(0.4)


def test_texts_can_be_left_out(database: Database) -> None:
    database.add_text_experiments([*published_on(0, 2.0), *published_on(1, 4.0)])
    assert load_cells(database, without=[f"{1:064x}"]).texts == (f"{0:064x}",)
    nothing = load_cells(database, without=[f"{0:064x}", f"{1:064x}"])
    assert (len(nothing), nothing.texts, nothing.features.shape[0]) == (0, (), 0)
    assert not math.isnan(nothing.relative.sum())
