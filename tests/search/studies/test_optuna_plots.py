"""A recorded predicted study is an ordinary Optuna study: Optuna's own plots and its dashboard's queries work on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import optuna
import pytest
from matplotlib import pyplot
from optuna.trial import TrialState
from optuna.visualization import matplotlib as plots

from presage.search.limits import Limits
from presage.search.strategies import get_proposer
from presage.search.studies.feasible import FeasibleDraws
from presage.search.studies.journal import Journal
from presage.search.studies.predicted import Candidates, PredictedStudy
from presage.search.testing import TableScorer, TinySpace

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning", "ignore::UserWarning:optuna")
optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace(layers=2)


@pytest.fixture(autouse=True)
def _without_a_screen() -> Iterator[None]:
    matplotlib.use("Agg")
    yield
    pyplot.close("all")


def _recorded(path: Path, strategy: str, objectives: tuple[str, ...]) -> tuple[optuna.Study, Candidates]:
    """A study of 45 candidates, some without a score, and how it is opened by whoever knows Optuna alone."""
    draws = FeasibleDraws(SPACE, get_proposer(strategy, 0, objectives=len(objectives)), Limits(), (1, 8, 8), 10)
    scorer = TableScorer(unscorable=7)
    study = PredictedStudy(Journal(path), "predicted", draws, scorer, objectives=objectives, seed=(0,), batch=15)
    found = study.run(45)
    backend = optuna.storages.journal.JournalFileBackend(str(path))
    storage = optuna.storages.JournalStorage(backend)
    return optuna.load_study(study_name="predicted", storage=storage), found


@pytest.mark.parametrize("strategy", ["evolution", "reinforce", "tpe"])
def test_optunas_plots_show_a_recorded_study(strategy: str, tmp_path: Path) -> None:
    study, found = _recorded(tmp_path / "journal", strategy, ("accuracy",))
    states = [trial.state for trial in study.trials]
    assert states.count(TrialState.COMPLETE) == np.isfinite(found.value).sum() < 45

    history = plots.plot_optimization_history(study)
    points = np.concatenate([np.asarray(drawn.get_offsets())[:, 1] for drawn in history.collections])
    assert sorted(points.tolist()) == pytest.approx(sorted(found.value[np.isfinite(found.value)].tolist()))
    best = np.asarray(history.lines[0].get_ydata(), float)
    assert best[-1] == np.nanmax(found.value)

    slices = plots.plot_slice(study, params=["width0", "then1"])
    assert len(np.atleast_1d(slices)) == 2
    importances = plots.plot_param_importances(study)
    assert len(importances.patches) == len(SPACE.parameters)
    assert optuna.importance.get_param_importances(study).keys() == set(SPACE.columns)
    for plot in (plots.plot_edf, plots.plot_timeline, plots.plot_parallel_coordinate):
        assert plot(study).figure is not None
    for plot in (plots.plot_contour, plots.plot_rank):
        assert plot(study, params=["width0", "kernel1"]).figure is not None
    pyplot.gcf().canvas.draw()


@pytest.mark.parametrize("strategy", ["nsgaii", "random"])
def test_optunas_pareto_front_is_that_of_the_candidates(strategy: str, tmp_path: Path) -> None:
    study, found = _recorded(tmp_path / "journal", strategy, ("accuracy", "parameters"))
    values = np.column_stack([found.value, found.cost("parameters")])
    scored = np.flatnonzero(np.isfinite(found.value))
    front = {
        int(row)
        for row in scored
        if not any(
            values[other, 0] >= values[row, 0]
            and values[other, 1] <= values[row, 1]
            and (values[other] != values[row]).any()
            for other in scored
        )
    }
    assert {trial.number for trial in study.best_trials} == front
    axes = plots.plot_pareto_front(study, target_names=["accuracy", "parameters"])
    shown = sum(len(drawn.get_offsets()) for drawn in axes.collections)
    assert shown == len(scored)
    assert plots.plot_optimization_history(study, target=lambda trial: trial.values[0]).figure is not None
    assert plots.plot_param_importances(study, target=lambda trial: trial.values[1]).figure is not None


def test_the_dashboards_queries_find_what_it_shows(tmp_path: Path) -> None:
    """Summaries, attributes and the order of trials, as optuna-dashboard reads them."""
    study, found = _recorded(tmp_path / "journal", "evolution", ("accuracy",))
    (summary,) = optuna.get_all_study_summaries(study._storage)
    assert (summary.study_name, summary.n_trials) == ("predicted", 45)
    assert summary.best_trial is not None
    assert summary.best_trial.value == np.nanmax(found.value)
    for trial in study.trials:
        assert trial.datetime_start is not None
        assert trial.datetime_complete is not None
        assert trial.user_attrs["parameters"] == found.cost("parameters")[trial.number]
