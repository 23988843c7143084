"""How often, and for how long, a session opens the database: others wait for it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.serial import dumps, loads
from presage.architecture.spaces import get_space
from presage.architectures import read_architectures
from presage.database.connection import Connection
from presage.search import SearchSettings
from presage.session import Session
from presage.training import Recipe

QUICK = Recipe(epochs=1, train_images=40)


class Openings:
    """Connections to database files: how many there were, and how many are open."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = self.open = 0
        begin, end = Connection.__init__, Connection.close

        def opened(connection: Connection, *given: object, **named: object) -> None:
            self.count += 1
            self.open += 1
            begin(connection, *given, **named)  # type: ignore[arg-type]

        def closed(connection: Connection) -> None:
            self.open -= 1
            end(connection)

        monkeypatch.setattr(Connection, "__init__", opened)
        monkeypatch.setattr(Connection, "close", closed)

    def counted(self) -> int:
        """Openings since the last time this was asked."""
        count, self.count = self.count, 0
        return count


@pytest.fixture
def openings(monkeypatch: pytest.MonkeyPatch) -> Openings:
    return Openings(monkeypatch)


@pytest.fixture
def networks(presage: Callable, tmp_path: Path) -> Path:
    file = tmp_path / "networks.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 3).out)
    return file


def test_a_prediction_opens_the_database_once_and_once_more_to_store_a_probe(
    shapes_npz: Path, experienced: Path, networks: Path, openings: Openings
) -> None:
    stages = []

    def progress(stage: str, done: int, total: int | None) -> None:
        assert not openings.open, f"the database is open during `{stage}`"
        stages.append(stage)

    session = Session(experienced, "cpu", progress=progress, predictor="cost-only")
    dataset, named = session.dataset(str(shapes_npz)), read_architectures([str(networks)])
    first = session.predict(dataset, named, QUICK)  # unknown dataset: probed, then fitted
    assert openings.counted() == 2
    assert {"probe", "fit predictor, once"} <= set(stages)
    stages.clear()
    assert session.predict(dataset, named, QUICK) == first  # known, and what was fitted is kept
    assert stages == ["read predictor"] * 2
    assert openings.counted() == 1

    session.train(dataset, named[:2], QUICK)
    assert openings.open == 0
    assert openings.counted() == 2 * 2  # asks, and stores, for each training
    again = session.predict(dataset, named, QUICK)  # corrected by what was trained
    assert openings.counted() == 1
    assert again != first
    assert [row.trained is None for row in again] == [False, False, True]

    session.seed = 1  # another predictor, which is fitted
    session.predict(dataset, named, QUICK)
    assert openings.counted() == 1


def test_a_search_neither_scores_nor_trains_while_it_is_open(
    shapes_npz: Path, experienced: Path, tmp_path: Path, openings: Openings
) -> None:
    stages = set()

    def progress(stage: str, done: int, total: int | None) -> None:
        assert not openings.open, f"the database is open during `{stage}`"
        stages.add(stage)

    session = Session(experienced, "cpu", progress=progress, predictor="cost-only")
    settings = SearchSettings(candidates=20, shortlist=1, compare_random=1)
    dataset, space = session.dataset(str(shapes_npz)), get_space("nb201")
    session.search(dataset, space=space, recipe=QUICK, settings=settings, run_folder=tmp_path / "run")
    assert {
        "probe",
        "fit predictor, once",
        "search on predictions",
        "train the short-list",
        "random baseline",
    } <= stages
    assert openings.open == 0


def test_the_command_opens_it_once_more_before_it_reads_the_dataset(
    presage: Callable, shapes_npz: Path, experienced: Path, networks: Path, openings: Openings
) -> None:
    words = ("predict", shapes_npz, networks, "--predictor", "cost-only", "--database", experienced, "--quiet")
    assert presage(*words).code == 0
    openings.counted()
    assert presage(*words).code == 0
    assert openings.counted() == 2


def test_a_kept_predictor_that_is_damaged_is_fitted_again(
    shapes_npz: Path, experienced: Path, networks: Path, openings: Openings
) -> None:
    session = Session(experienced, "cpu", predictor="cost-only")
    dataset, named = session.dataset(str(shapes_npz)), read_architectures([str(networks)])
    first = session.predict(dataset, named, QUICK)
    (kept,) = session.cache("predictors").glob("cost-only-*")
    (kept / "predictor.json").write_text("{")
    openings.counted()
    assert session.predict(dataset, named, QUICK) == first
    assert openings.counted() == 2  # what it learns from is read after all


def test_each_architecture_is_parsed_once(
    shapes_npz: Path, experienced: Path, networks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(experienced, "cpu", predictor="cost-only")
    dataset, named = session.dataset(str(shapes_npz)), read_architectures([str(networks)])
    for seed in (0, 1):  # two experiments of each network
        Session(experienced, "cpu", seed).train(dataset, named[:2], QUICK)
    session.predict(dataset, named, QUICK)
    parsed: list[str] = []

    def counting(text: str) -> object:
        parsed.append(text)
        return loads(text)

    monkeypatch.setattr("presage.architecture.serial.loads", counting)
    read = read_architectures([str(networks)])
    assert len(parsed) == 3
    session.predict(dataset, read, QUICK)
    assert sorted(parsed[3:]) == sorted(dumps(one.architecture.canonical) for one in named[:2])


def test_a_bound_predictor_answers_as_the_session_does(shapes_npz: Path, experienced: Path, networks: Path) -> None:
    session = Session(experienced, "cpu", predictor="cost-only")
    dataset, named = session.dataset(str(shapes_npz)), read_architectures([str(networks)])
    rows = session.predict(dataset, named, QUICK)
    bound = session.bound_predictor(dataset, QUICK)
    answer = bound.predict(GraphBatch.of([one.architecture.canonical for one in named]))
    assert answer.value.tolist() == [row.accuracy for row in rows]
    assert (bound.task.name, bound.task.recipe) == ("shapes", QUICK.hash)
    assert bound.trained == {}
