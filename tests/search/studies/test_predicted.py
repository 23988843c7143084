"""The predicted study: every candidate scored once, recorded once, and the same after a kill."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import optuna
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.space import Codes
from presage.errors import InvalidArgument, NothingFeasible, UnknownName
from presage.search.limits import Limits
from presage.search.strategies import get_proposer
from presage.search.studies.feasible import FeasibleDraws
from presage.search.studies.journal import Journal
from presage.search.studies.objectives import checked_objectives
from presage.search.studies.predicted import Candidates, PredictedStudy, read_candidates
from presage.search.studies.scorer import AnyScorer
from presage.search.testing import TableScorer, TinySpace
from presage.surrogate.predictors.prediction import Prediction, extrapolation_of

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace()
SHAPE, CLASSES = (1, 8, 8), 10


def _study(
    path: Path,
    strategy: str = "evolution",
    scorer: AnyScorer | None = None,
    limits: Limits | None = None,
    objectives: tuple[str, ...] = ("accuracy",),
    **options: object,
) -> PredictedStudy:
    proposer = get_proposer(strategy, 0, objectives=len(objectives))
    draws = FeasibleDraws(SPACE, proposer, limits or Limits(), SHAPE, CLASSES)
    return PredictedStudy(
        Journal(path, mend=True),
        "predicted",
        draws,
        scorer or TableScorer(),
        objectives=objectives,
        seed=(5,),
        batch=40,
        **options,  # type: ignore[arg-type]
    )


def _same(one: Candidates, other: Candidates) -> bool:
    names = ("codes", "value", "lower", "upper", "costs", "first")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


def test_every_different_network_is_scored_exactly_once(tmp_path: Path) -> None:
    scorer = TableScorer()
    found = _study(tmp_path / "j", scorer=scorer).run(600)
    assert len(found) == 600
    hashes = [SPACE.decode(SPACE.params(code)).hash for code in found.codes]
    assert len(set(hashes)) < 600
    assert scorer.scored == len(set(hashes))  # equal networks of different codes are scored once too
    seen: dict[str, int] = {}
    for row, one in enumerate(hashes):
        assert found.first[row] == seen.setdefault(one, row)
        assert found.value[row] == found.value[found.first[row]]
    assert len(found.unique) == len(set(hashes))


def test_a_scorer_may_go_by_codes_alone(tmp_path: Path) -> None:
    class ByCode:
        name = "first choices"

        def score_codes(self, codes: Codes) -> Prediction:
            value = (codes == 0).mean(axis=1)
            return Prediction(value, value.copy(), value.copy(), 0.0)

    found = _study(tmp_path / "j", scorer=ByCode()).run(80)
    own = found.first == np.arange(80)
    assert found.value[own].tolist() == (found.codes[own] == 0).mean(axis=1).tolist()


def test_no_network_over_a_limit_reaches_the_scorer(tmp_path: Path) -> None:
    scorer = TableScorer()
    found = _study(tmp_path / "j", scorer=scorer, limits=Limits(parameters=200)).run(200)
    assert found.cost("parameters").max() <= 200
    assert max(scorer.parameters(SHAPE, CLASSES)) <= 200


@pytest.mark.parametrize("strategy", ["evolution", "random", "nsgaii"])
@pytest.mark.parametrize("keep", [0.3, 0.75])
def test_cut_off_anywhere_it_becomes_the_study_it_would_have_been(tmp_path: Path, strategy: str, keep: float) -> None:
    whole = _study(tmp_path / "whole", strategy).run(230)
    _study(tmp_path / "cut", strategy).run(200)
    content = (tmp_path / "cut").read_bytes()
    (tmp_path / "cut").write_bytes(content[: int(len(content) * keep)])  # in the middle of a line, of a batch
    scorer = TableScorer()
    resumed = _study(tmp_path / "cut", strategy, scorer).run(230)
    assert _same(resumed, whole)
    assert scorer.scored < len(whole.unique)
    recorder = Journal(tmp_path / "cut").recorder("predicted", ("maximize",), SPACE)
    assert _same(read_candidates(recorder), whole)


def test_a_finished_study_scores_nothing_more(tmp_path: Path) -> None:
    _study(tmp_path / "j").run(90)
    scorer = TableScorer()
    assert len(_study(tmp_path / "j", scorer=scorer).run(90)) == 90
    assert scorer.scored <= 10  # at most the last batch, drawn again to see whether it was whole


@pytest.mark.parametrize("strategy", ["evolution", "random", "nsgaii"])
def test_run_again_one_study_goes_on_where_it_was(tmp_path: Path, strategy: str) -> None:
    whole = _study(tmp_path / "whole", strategy).run(230)
    study, told = _study(tmp_path / "twice", strategy), list[int]()
    assert len(study.run(120)) == 120
    assert _same(study.run(230, told.append), whole)
    assert told == [120, 160, 200, 230]  # the last batch of before is drawn again
    assert _same(study.run(230), whole)


def test_optuna_sees_predicted_values_intervals_and_costs(tmp_path: Path) -> None:
    found = _study(tmp_path / "j").run(50)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "j")))
    study = optuna.load_study(study_name="predicted", storage=storage)
    assert study.best_value == found.value.max()
    for row, trial in enumerate(study.trials):
        assert trial.value == found.value[row]
        assert trial.params == SPACE.params(found.codes[row])
        assert trial.user_attrs["upper"] == found.upper[row]
        assert trial.user_attrs["parameters"] == found.costs[row, 0]
    assert optuna.visualization.matplotlib is not None


def test_a_candidate_that_cannot_be_scored_is_a_failed_trial(tmp_path: Path) -> None:
    found = _study(tmp_path / "j", scorer=TableScorer(unscorable=3)).run(200)
    assert 0 < np.isnan(found.value).sum() < 200
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "j")))
    states = [t.state for t in optuna.load_study(study_name="predicted", storage=storage).trials]
    assert states.count(optuna.trial.TrialState.FAIL) == np.isnan(found.value).sum()


def test_several_objectives_trade_accuracy_for_cost(tmp_path: Path) -> None:
    _study(tmp_path / "j", "nsgaii", objectives=("accuracy", "parameters")).run(80)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "j")))
    study = optuna.load_study(study_name="predicted", storage=storage)
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MINIMIZE"]
    assert 1 < len(study.best_trials) < 80


def test_evolution_finds_better_predictions_than_random(tmp_path: Path) -> None:
    evolved = _study(tmp_path / "e", "evolution").run(400).value
    drawn = _study(tmp_path / "r", "random").run(400).value
    assert evolved[200:].mean() > drawn[200:].mean()


def test_it_begins_with_the_candidates_it_is_given(tmp_path: Path) -> None:
    start = SPACE.sample(10, np.random.default_rng(9))
    found = _study(tmp_path / "j", start=start).run(60)
    assert (found.codes[:10] == start).all()
    assert len(found) == 60


def test_an_empty_feasible_set_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NothingFeasible):
        _study(tmp_path / "j", limits=Limits(parameters=1)).run(10)


def test_objectives_are_checked() -> None:
    assert checked_objectives(["accuracy", "multiply_adds"]) == ("accuracy", "multiply_adds")
    with pytest.raises(UnknownName, match="`parameters`"):
        checked_objectives(["accuracy", "params"])
    with pytest.raises(InvalidArgument, match="begin with `accuracy`"):
        checked_objectives(["parameters"])


def test_the_table_of_the_tests_is_itself_deterministic() -> None:
    graphs = GraphBatch.of([SPACE.decode(SPACE.params(code)) for code in SPACE.sample(5, np.random.default_rng(0))])
    first, again = TableScorer().score(graphs), TableScorer().score(graphs)
    assert first.value.tolist() == again.value.tolist()
    assert hashlib.sha256(first.value.tobytes()).hexdigest() == hashlib.sha256(again.value.tobytes()).hexdigest()


class _Reaching:
    """Says of every network how far it reaches: by the number of its nodes."""

    name = "reaching"

    def score(self, graphs: GraphBatch) -> Prediction:
        value = TableScorer().score(graphs).value
        distance = np.array([len(graphs.architecture(row).nodes) / 10 for row in range(len(graphs))])
        return Prediction(value, value - 0.1, value + 0.1, 0.9, distance)


def test_how_far_each_prediction_reaches_is_recorded_read_back_and_shown_by_optuna(tmp_path: Path) -> None:
    found = _study(tmp_path / "j", scorer=_Reaching()).run(60)
    wanted = [len(SPACE.decode(SPACE.params(code)).nodes) / 10 for code in found.codes[found.first]]
    assert found.distance is not None
    assert found.distance.tolist() == wanted
    assert found.extrapolation == tuple(map(extrapolation_of, wanted))
    read = read_candidates(Journal(tmp_path / "j").recorder("predicted", ("maximize",), SPACE))
    assert np.array_equal(read.distance, found.distance)
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(tmp_path / "j")))
    trials = optuna.load_study(study_name="predicted", storage=storage).trials
    assert [trial.user_attrs["distance"] for trial in trials] == wanted
    assert [trial.user_attrs["extrapolation"] for trial in trials] == list(found.extrapolation)


def test_where_a_scorer_tells_no_distance_none_is_made_up(tmp_path: Path) -> None:
    found = _study(tmp_path / "j").run(20)
    assert set(found.extrapolation) == {""}
    assert np.isnan(found.distance_of(3))
    assert "distance" not in (tmp_path / "j").read_text()
