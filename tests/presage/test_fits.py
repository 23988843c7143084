"""A fit serves until experience has grown by a share; what is newer is told, or waits, and that is said."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.spaces import get_space
from presage.database import Database, learned
from presage.records import ExperimentEntry
from presage.records.testing import dataset_record
from presage.session import Session
from presage.steps import fits
from presage.steps.fits import Fit, LearnedFrom, fit_for
from presage.training import Recipe
from presage.training.recording import recipe_record

RECIPE = Recipe()
TARGET = dataset_record("made-up-3")
OTHER = dataset_record("made-up-0")
FITTED = 41
"""Of the 48 experiments, with steps of a quarter from ten on; the next is 51."""


@pytest.fixture(autouse=True)
def steps_of_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "SMALL", 10)
    monkeypatch.setattr(learned, "GROWTH", 4)


def more(path: Path, count: int, dataset: object = OTHER, accuracy: float = 0.9, first: int = 100) -> None:
    """So many trainings more of networks that are known on a dataset, made after all others."""
    with Database.open(path) as database:
        networks = {record.hash: record for record in database.architecture_records()}
        before = database.experiment_records(dataset=dataset.fingerprint)[:count]  # type: ignore[attr-defined]
        database.add_experiments([
            ExperimentEntry(
                dataset, networks[one.architecture], recipe_record(RECIPE),  # type: ignore[arg-type]
                replace(
                    one, seed=first + at, accuracy=accuracy, curve=[accuracy] * RECIPE.epochs,
                    created_at="2101-01-01T00:00:00+00:00",
                ),
            )
            for at, one in enumerate(before)
        ])  # fmt: skip


def asked(path: Path, predictor: str = "cost-only", refit: bool = False) -> tuple[list[float], LearnedFrom, set[str]]:
    """What is predicted of three networks on the target, what that rests on, and which fits are kept."""
    session = Session(path, "cpu", predictor=predictor, refit=refit)
    bound = session.bound_predictor(TARGET, RECIPE)  # type: ignore[arg-type]  # probed: no images are needed
    networks = get_space("nb201").sample(3, np.random.default_rng(5))
    said = bound.predict(get_space("nb201").decode_batch(networks))
    assert bound.learned_from is not None
    kept = {one.name for one in session.cache("predictors").glob(f"{predictor}-*")}
    return [*said.value.tolist(), *said.lower.tolist(), *said.upper.tolist()], bound.learned_from, kept


def fit_of(path: Path, dataset: str = TARGET.fingerprint, **how: bool) -> Fit:
    with Database.open(path) as database:
        return fit_for(database, dataset, RECIPE.hash, **how)


def late_of_others(path: Path) -> int:
    """Of those that wait, how many are not on the target."""
    with Database.open(path) as database:
        late = database.learned().late
        return len(late) - len(database.experiments(datasets=[TARGET.fingerprint], among=late))


def test_a_few_experiments_on_other_datasets_wait_and_a_fit_serves_until_they_are_a_share(experienced: Path) -> None:
    values, rests_on, kept = asked(experienced)
    waiting = late_of_others(experienced)
    assert rests_on == LearnedFrom(FITTED, 12, waiting)
    assert len(kept) == 1
    more(experienced, 2)
    assert asked(experienced) == (values, LearnedFrom(FITTED, 12, waiting + 2), kept)
    more(experienced, 1, first=200)
    grown, rests_on, both = asked(experienced)
    assert rests_on == LearnedFrom(51, 12, 0)
    assert grown != values
    assert len(both) == 2


def test_what_waits_changes_no_bit_of_a_prediction_whatever_it_says(experienced: Path, tmp_path: Path) -> None:
    """Poison: nor does a fit that was made when it did not wait serve in its place."""
    clean = tmp_path / "clean.duckdb"
    clean.write_bytes(experienced.read_bytes())
    found, whole = [], []
    for path, accuracy in ((clean, 0.9), (experienced, 0.001)):
        more(path, 2, accuracy=accuracy)
        whole.append(asked(path, refit=True)[0])  # knows them, and is kept
        found.append(asked(path)[0])
    assert found[0] == found[1]
    assert whole[0] != whole[1]


def test_trainings_of_the_target_count_at_once_and_nothing_is_fitted(experienced: Path) -> None:
    values, before, kept = asked(experienced)
    more(experienced, 2, TARGET, accuracy=0.2)
    told, rests_on, after = asked(experienced)
    assert rests_on == replace(before, told=14)
    assert told != values
    assert after == kept


def test_at_the_user_s_word_it_is_fitted_to_all_and_another_time_as_before(experienced: Path) -> None:
    more(experienced, 2)
    values, _, _ = asked(experienced)
    whole, rests_on, kept = asked(experienced, refit=True)
    assert rests_on == LearnedFrom(50, 12, 0)
    assert whole != values
    assert len(kept) == 2
    assert asked(experienced)[0] == values
    assert asked(experienced, refit=True) == (whole, rests_on, kept)


def test_predictions_follow_from_the_content_and_not_from_what_was_fitted_before(
    experienced: Path, tmp_path: Path
) -> None:
    """One database is asked at every step of its growth, the other at the end alone."""
    late = tmp_path / "late.duckdb"
    late.write_bytes(experienced.read_bytes())
    for path, asks in ((experienced, True), (late, False)):
        for first, count in ((100, 3), (200, 2), (300, 4), (400, 6)):
            more(path, count, first=first)
            if asks:
                asked(path)
    assert asked(experienced)[:2] == asked(late)[:2]


def elsewhere(path: Path, folder: Path) -> Path:
    """The same database, with no fit kept beside it."""
    folder.mkdir()
    copy = folder / path.name
    copy.write_bytes(path.read_bytes())
    return copy


def test_an_experiment_that_is_gone_is_in_no_fit_any_more(experienced: Path, tmp_path: Path) -> None:
    before = fit_of(experienced)
    _, _, kept = asked(experienced)
    with Database.open(experienced) as database:
        gone = f"dataset = '{OTHER.fingerprint}' AND id NOT IN ({', '.join(repr(key) for key in before.learned.late)})"
        database.connection.run(f"DELETE FROM experiments WHERE id = (SELECT min(id) FROM experiments WHERE {gone})")
    values, rests_on, after = asked(experienced)
    assert fit_of(experienced).content != before.content
    assert rests_on.fitted_to == FITTED
    assert len(after - kept) == 1
    assert asked(elsewhere(experienced, tmp_path / "bare"))[0] == values


def test_no_kept_fit_that_knows_a_dataset_serves_once_that_is_withheld(experienced: Path, tmp_path: Path) -> None:
    """Fits of the whole database are kept beside it; then every experiment on the target is taken out, as benchmarks
    withhold a dataset: what is predicted is what a machine says that never knew it, to the last bit."""
    kept = asked(experienced)[2] | asked(experienced, refit=True)[2]
    with Database.open(experienced) as database:
        database.connection.run("DELETE FROM experiments WHERE dataset = ?", [TARGET.fingerprint])
    for refit in (False, True):
        values, rests_on, after = asked(experienced, refit=refit)
        assert rests_on.told == 0
        assert rests_on.fitted_to == (36 if refit else 33)
        assert after - kept
        assert asked(elsewhere(experienced, tmp_path / f"bare-{refit}"), refit=refit)[:2] == (values, rests_on)


def test_of_a_task_with_very_many_trainings_those_that_the_fit_lacks_are_told(
    experienced: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fits, "MOST_GIVEN", 5)
    more(experienced, 2, TARGET)
    fit, others = fit_of(experienced), late_of_others(experienced)
    assert len(fit.learned.late) == 9
    assert fit.learned_from == LearnedFrom(FITTED, 9 - others, others)
    assert 2 <= len(fit.told) < 14
    assert asked(experienced)[1] == fit.learned_from


def test_where_nothing_else_is_known_nothing_is_told(experienced: Path) -> None:
    with Database.open(experienced) as database:
        database.connection.run("DELETE FROM experiments WHERE dataset <> ?", [TARGET.fingerprint])
    assert asked(experienced)[1] == LearnedFrom(12, 0, 0)


def test_it_is_said_in_words_json_and_python(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    net = tmp_path / "net.jsonl"
    net.write_text(presage("sample", "nb201").out)
    words = ("predict", shapes_npz, net, "--predictor", "cost-only", "--database", experienced)
    outcome = presage(*words, "--json")
    assert json.loads(outcome.out)["learned_from"] == {"fitted_to": 41, "told": 0, "waiting": 7}
    line = "The predictor was fitted to 41 experiments; 7 newer ones wait for the next fit (--refit fits it to all)."
    assert f"presage: {line}\n" in outcome.err
    outcome = presage(*words, "--json", "--refit")
    assert outcome.json["learned_from"] == {"fitted_to": 48, "told": 0, "waiting": 0}
    assert "presage: The predictor was fitted to 48 experiments.\n" in outcome.err


def test_words_by_hand() -> None:
    assert LearnedFrom(7818, 0, 0).words == "The predictor was fitted to 7,818 experiments."
    assert LearnedFrom(7818, 5, 1).words == (
        "The predictor was fitted to 7,818 experiments and was told of 5 by this recipe on this dataset; 1 newer one "
        "waits for the next fit (--refit fits it to all)."
    )
