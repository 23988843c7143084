"""The whole search, on a table and with real trainings of seconds."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import torch
from optuna.trial import TrialState

from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json
from presage.database import Database
from presage.errors import InvalidArgument, NothingFeasible, StorageFull
from presage.search.limits import Limits
from presage.search.progress import SearchProgress
from presage.search.result import SearchResult, Verified
from presage.search.run.engine import load_candidates, run_search
from presage.search.run.export import how_to_use, load_network
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace, table_accuracy
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=4, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


@pytest.fixture
def database(tmp_path: Path) -> Any:
    with Database.open(tmp_path / "experience.duckdb") as opened:
        yield opened


def _search(dataset: ImageDataset, folder: Path, **options: Any) -> SearchResult:
    scorer = options.pop("scorer", None) or TableScorer()
    settings = {"candidates": 120, "shortlist": 3, "batch": 30, **options.pop("settings", {})}
    return run_search(
        dataset,
        space=SPACE,
        recipe=options.pop("recipe", RECIPE),
        settings=SearchSettings(**settings),
        scorer=options.pop("factory", lambda number, verified: scorer),
        run_folder=folder,
        trainer=options.pop("trainer", None) or TableTrainer(RECIPE.epochs),
        **options,
    )


def _verified_study(folder: Path, name: str = "verified") -> optuna.Study:
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "journal.log")))
    return optuna.load_study(study_name=name, storage=storage)


def test_the_short_list_is_trained_and_the_best_is_the_best_trained(dataset: ImageDataset, tmp_path: Path) -> None:
    result = _search(dataset, tmp_path / "run", settings={"compare_random": 4})
    (only,) = result.rounds
    assert only.candidates == 120
    assert len(only.verified) == 3
    for one in only.verified:
        assert one.accuracy == pytest.approx(table_accuracy(SPACE.decode(one.chosen.params)), abs=1e-6)
        assert one.chosen.predicted is not None
    assert result.best is not None
    assert result.best.accuracy == max(one.accuracy or 0 for one in result.verified)
    assert len(result.baseline) == 4
    assert {one.chosen.role for one in result.baseline} == {"random baseline"}
    assert result.shortlist_mean is not None
    assert result.baseline_mean is not None
    assert result.shortlist_mean > result.baseline_mean
    written = json.loads((tmp_path / "run" / "result.json").read_text())
    assert written == json.loads(json.dumps(result.to_json()))


def test_predictions_and_experiments_go_into_the_database_once(
    dataset: ImageDataset, tmp_path: Path, database: Database
) -> None:
    for _ in range(2):  # the second call finds everything done
        result = _search(dataset, tmp_path / "run", database=database, settings={"compare_random": 2})
    records = database.experiment_records()
    assert len(records) == 5
    assert len(database.predictions()) == 3
    by_hash = {record.architecture: record for record in records}
    for one in result.verified:
        assert by_hash[one.chosen.hash].accuracy == one.accuracy
        stored = next(p for p in database.predictions() if p.architecture == one.chosen.hash)
        assert stored.value == one.chosen.predicted
        assert stored.predictor == "table"
        assert stored.created_at[:19] <= by_hash[one.chosen.hash].created_at[:19]


def test_predictions_are_stored_before_the_first_training(
    dataset: ImageDataset, tmp_path: Path, database: Database
) -> None:
    class Trainer(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            assert len(database.predictions()) == 3
            return super().train(architecture, **options)

    result = _search(dataset, tmp_path / "run", database=database, trainer=Trainer(RECIPE.epochs))
    assert [one.status for one in result.verified] == ["finished"] * 3


def test_a_network_trained_before_is_not_trained_again_and_its_result_is_called_reused(
    dataset: ImageDataset, tmp_path: Path, database: Database
) -> None:
    first = _search(dataset, tmp_path / "one", database=database)
    trainer = TableTrainer(RECIPE.epochs)
    second = _search(dataset, tmp_path / "two", database=database, trainer=trainer, settings={"compare_random": 12})
    before = {one.chosen.hash for one in first.verified}
    trained = [architecture.hash for architecture in trainer.trained]
    assert not before & set(trained)
    assert len(trained) == len(set(trained))
    assert {known.hash for known in second.rounds[0].known} == before
    reused = [one for one in second.baseline if one.reused]
    assert {one.chosen.hash for one in reused} <= before
    assert all(one.accuracy is not None for one in reused)
    assert len(database.experiment_records()) == len(before) + len(trained)


def test_each_round_learns_from_the_one_before_and_trains_other_networks(dataset: ImageDataset, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    def factory(number: int, verified: Sequence[Verified]) -> TableScorer:
        seen.append((number, len(verified)))
        return TableScorer(shift=0.01 * number)

    result = _search(dataset, tmp_path / "run", factory=factory, settings={"rounds": 3})
    assert seen == [(1, 0), (2, 3), (3, 6)]
    hashes = [one.chosen.hash for one in result.verified]
    assert len(set(hashes)) == 9
    first, second = (load_candidates(tmp_path / "run", SPACE, number) for number in (1, 2))
    best = first.codes[first.unique[np.argmax(first.value[first.unique])]]
    assert (second.codes[0] == best).all()  # a round begins with the best of the last
    seen.clear()
    again = _search(dataset, tmp_path / "run", factory=factory, settings={"rounds": 3})
    assert seen == []  # no scorer is needed, nor fitted, for rounds that have chosen
    assert [one.chosen.hash for one in again.verified] == hashes


class _Failing(TableTrainer):
    """The first network diverges, the second runs out of memory, the third crashes, the fourth is no network."""

    def train(self, architecture: Architecture, **options: Any) -> Any:
        match len(self.trained):
            case 0:
                self.status = "diverged"
            case 1:
                self.status = "out_of_memory"
            case 2:
                self.trained.append(architecture)
                raise RuntimeError("cudnn exploded\nover two lines")
            case _:
                self.status = "finished"
        return super().train(architecture, **options)


def test_failures_are_recorded_and_the_study_goes_on(dataset: ImageDataset, tmp_path: Path, database: Database) -> None:
    trainer = _Failing(RECIPE.epochs)
    result = _search(dataset, tmp_path / "run", trainer=trainer, database=database, settings={"shortlist": 5})
    assert [one.status for one in result.verified] == [
        "diverged",
        "out_of_memory",
        "crashed",
        "finished",
        "finished",
    ]
    states = [trial.state for trial in _verified_study(tmp_path / "run").trials]
    assert states == [TrialState.FAIL] * 3 + [TrialState.COMPLETE] * 2
    crash = result.verified[2].failure
    assert crash is not None
    assert "RuntimeError" in crash
    assert "cudnn exploded over two lines" in crash
    assert len(database.experiment_records()) == 4  # a crash says nothing of the network
    assert result.best is not None
    assert result.best.status == "finished"


def test_when_every_training_fails_there_is_no_best(dataset: ImageDataset, tmp_path: Path) -> None:
    trainer = TableTrainer(RECIPE.epochs)
    trainer.status = "diverged"
    result = _search(dataset, tmp_path / "run", trainer=trainer)
    assert result.best is None
    assert result.shortlist_mean is None
    json.dumps(result.to_json(), allow_nan=False)


def test_a_bad_network_is_pruned_half_way_and_the_first_never(dataset: ImageDataset, tmp_path: Path) -> None:
    class Worse(TableTrainer):
        def accuracy(self, architecture: Architecture) -> float:
            return 0.9 - 0.2 * len(self.trained)

    result = _search(dataset, tmp_path / "run", trainer=Worse(RECIPE.epochs), settings={"prune": True})
    assert [one.status for one in result.verified] == ["finished", "pruned", "pruned"]
    study = _verified_study(tmp_path / "run")
    assert [trial.state for trial in study.trials] == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED]
    assert list(study.trials[0].intermediate_values) == [0, 1, 2, 3]
    assert list(study.trials[1].intermediate_values) == [0, 1, 2]
    assert result.verified[1].accuracy is None


def test_limits_hold_for_everything_that_is_scored_or_trained(dataset: ImageDataset, tmp_path: Path) -> None:
    scorer, trainer = TableScorer(), TableTrainer(RECIPE.epochs)
    limits = Limits(parameters=120)
    settings = {"limits": limits, "compare_random": 3}
    _search(dataset, tmp_path / "run", scorer=scorer, trainer=trainer, settings=settings)
    assert max(scorer.parameters((1, 8, 8), 2)) <= 120
    trainer_scorer = TableScorer()
    trainer_scorer.asked = trainer.trained
    assert max(trainer_scorer.parameters((1, 8, 8), 2)) <= 120
    with pytest.raises(NothingFeasible, match="The nearest has"):
        _search(dataset, tmp_path / "other", settings={"limits": Limits(parameters=1)})


@pytest.mark.parametrize(
    ("changed", "name"),
    [({"seed": 1}, "seed"), ({"candidates": 121}, "candidates"), ({"limits": Limits(parameters=9999)}, "limits")],
)
def test_resuming_with_other_settings_names_the_difference(
    dataset: ImageDataset, tmp_path: Path, changed: dict[str, Any], name: str
) -> None:
    _search(dataset, tmp_path / "run")
    with pytest.raises(InvalidArgument, match=f"The `{name}` of `run_search` must stay"):
        _search(dataset, tmp_path / "run", settings=changed)


def test_resuming_with_another_predictor_is_refused_unless_the_run_does_not_tell_its_own(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    _search(dataset, tmp_path / "run", predictor="ensemble")
    with pytest.raises(
        InvalidArgument, match=r"The `predictor` of `run_search` must stay 'ensemble'.* Got 'cost-only'"
    ):
        _search(dataset, tmp_path / "run", predictor="cost-only")
    begun = json.loads((tmp_path / "run" / "run.json").read_text())
    assert begun["settings"].pop("predictor") == "ensemble"
    (tmp_path / "run" / "run.json").write_text(json.dumps(begun))  # as an earlier presage wrote it
    trainer = TableTrainer(RECIPE.epochs)
    _search(dataset, tmp_path / "run", predictor="cost-only", trainer=trainer)
    assert not trainer.trained


def test_where_nothing_is_predicted_the_predictor_is_no_setting(dataset: ImageDataset, tmp_path: Path) -> None:
    for predictor in ("ensemble", "cost-only"):
        result = _search(dataset, tmp_path / "run", predictor=predictor, settings={"score": "proxy:naswot"})
    assert result.settings["predictor"] is None


def test_resuming_with_another_recipe_or_in_a_foreign_folder_is_refused(dataset: ImageDataset, tmp_path: Path) -> None:
    _search(dataset, tmp_path / "run")
    with pytest.raises(InvalidArgument, match="`recipe`"):
        _search(dataset, tmp_path / "run", recipe=Recipe(epochs=5))
    (tmp_path / "run" / "run.json").write_text('{"format": "else"}')
    with pytest.raises(InvalidArgument, match="`run_folder`"):
        _search(dataset, tmp_path / "run")
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgument, match="must be a folder"):
        _search(dataset, tmp_path / "file")


def test_a_folder_in_use_is_refused(dataset: ImageDataset, tmp_path: Path) -> None:
    class Nosy(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            with pytest.raises(InvalidArgument, match="in use by another search"):
                _search(dataset, tmp_path / "run")
            return super().train(architecture, **options)

    trainer = Nosy(RECIPE.epochs)
    _search(dataset, tmp_path / "run", trainer=trainer)
    assert len(trainer.trained) == 3


def test_progress_counts_up_to_its_total(dataset: ImageDataset, tmp_path: Path) -> None:
    told: list[SearchProgress] = []
    _search(dataset, tmp_path / "run", on_progress=told.append, settings={"compare_random": 2})
    for stage in ("predict", "train", "baseline"):
        done = [one.done for one in told if one.stage == stage]
        assert done == sorted(done)
        assert done[-1] == next(one.total for one in told if one.stage == stage)


def test_a_full_disk_stops_the_search_and_it_resumes(dataset: ImageDataset, tmp_path: Path) -> None:
    class Full(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            if len(self.trained) == 1:
                raise StorageFull("The disk is full: checkpoint.pt was not written.")
            return super().train(architecture, **options)

    with pytest.raises(StorageFull):
        _search(dataset, tmp_path / "run", trainer=Full(RECIPE.epochs))
    trainer = TableTrainer(RECIPE.epochs)
    result = _search(dataset, tmp_path / "run", trainer=trainer)
    assert len(trainer.trained) == 2
    assert [one.status for one in result.verified] == ["finished"] * 3


def test_a_training_that_keeps_killing_the_process_is_given_up(dataset: ImageDataset, tmp_path: Path) -> None:
    class Killed(BaseException):
        """Passes through everything, as a kill does."""

    class Deadly(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            raise Killed

    deaths = 0
    while True:
        try:
            result = _search(dataset, tmp_path / "run", trainer=Deadly(RECIPE.epochs), settings={"shortlist": 1})
            break
        except Killed:
            deaths += 1
            assert deaths < 40
    assert [one.status for one in result.verified] == ["crashed"]
    assert deaths == 12
    assert "died" in (result.verified[0].failure or "")


def test_stopped_by_a_person_a_network_may_be_started_any_number_of_times(
    dataset: ImageDataset, tmp_path: Path
) -> None:
    class Stopped(TableTrainer):
        def train(self, architecture: Architecture, **options: Any) -> Any:
            raise KeyboardInterrupt

    for _ in range(14):
        with pytest.raises(KeyboardInterrupt):
            _search(dataset, tmp_path / "run", trainer=Stopped(RECIPE.epochs), settings={"candidates": 30})
    result = _search(dataset, tmp_path / "run", settings={"candidates": 30})
    assert [one.status for one in result.verified] == ["finished"] * 3


@pytest.mark.parametrize("strategy", ["nsgaii", "tpe", "random"])
def test_every_strategy_searches(dataset: ImageDataset, tmp_path: Path, strategy: str) -> None:
    objectives = ("accuracy", "multiply_adds") if strategy == "nsgaii" else ("accuracy",)
    result = _search(dataset, tmp_path / "run", settings={"strategy": strategy, "objectives": objectives})
    assert len(result.verified) == 3


def test_real_training_gives_a_network_that_loads_and_scores_as_it_did(
    dataset: ImageDataset, tmp_path: Path, database: Database
) -> None:
    """By `presage.training.fit`: the exported network, given plain pixels, has the recorded test accuracy."""
    result = run_search(
        dataset,
        space=SPACE,
        recipe=RECIPE,
        settings=SearchSettings(candidates=40, shortlist=2, batch=20),
        scorer=lambda number, verified: TableScorer(),
        run_folder=tmp_path / "run",
        database=database,
        device="cpu",
    )
    assert result.best is not None
    network = load_network(tmp_path / "run" / "best")
    images = torch.from_numpy(dataset.x_test).permute(0, 3, 1, 2)
    with torch.no_grad():
        logits = network((images.float() - network.mean) / network.deviation)
    right = (logits.argmax(dim=1).numpy() == dataset.y_test).mean()
    assert right == pytest.approx(result.best.test_accuracy, abs=0.051)
    assert network.classes == ["dark", "bright"]
    described = json.loads((tmp_path / "run" / "best" / "architecture.json").read_text())
    assert from_json(described["architecture"]).hash == result.best.chosen.hash
    assert (tmp_path / "run" / "best" / "program.pt2").exists()
    for line in how_to_use(tmp_path / "run" / "best").split("# or")[0].strip().splitlines():
        assert line in (tmp_path / "run" / "best" / "README.md").read_text(encoding="utf-8")
    record = database.experiment_records(architecture=result.best.chosen.hash)[0]
    assert len(record.curve) == RECIPE.epochs
    assert not list((tmp_path / "run" / "networks").glob("*/checkpoint.pt"))


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="`folder` of `load_network`"):
        load_network(tmp_path)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_optunas_own_plots_and_the_dashboard_open_both_studies(dataset: ImageDataset, tmp_path: Path) -> None:
    _search(dataset, tmp_path / "run")
    for name in ("predicted-1", "verified"):
        study = _verified_study(tmp_path / "run", name)
        axes = optuna.visualization.matplotlib.plot_optimization_history(study)
        assert len(axes.collections[0].get_offsets()) == len(study.trials)
    dashboard = pytest.importorskip("optuna_dashboard")
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(tmp_path / "run" / "journal.log"))
    )
    request = {"REQUEST_METHOD": "GET", "PATH_INFO": "/api/studies", "QUERY_STRING": "", "wsgi.input": io.BytesIO()}
    statuses: list[str] = []
    body = dashboard.wsgi(storage)(request, lambda status, headers, *rest: statuses.append(status))
    assert statuses == ["200 OK"]
    listed = json.loads(b"".join(body))["study_summaries"]
    assert {one["study_name"] for one in listed} == {"predicted-1", "verified"}
