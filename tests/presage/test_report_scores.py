"""The report names what was searched on: a proxy is never called an accuracy, and latency is drawn where it counted."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.graph import Architecture
from presage.commands.search import summary
from presage.files import read_json
from presage.output import extrapolates
from presage.report import write_report
from presage.search import SearchSettings, run_search
from presage.search.latency.model import LatencyModel
from presage.search.latency.work import WORK
from presage.search.result import SearchResult
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.speakable import named
from presage.surrogate.predictors.prediction import Prediction, extrapolation_of
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


class Meter:
    """Half a millisecond, and a little more for each operation."""

    weights = dict.fromkeys(WORK, 0.0) | {"constant": 5e-4, "other operations": 1e-5}
    model = LatencyModel(tuple(weights.values()), (1, 8, 8), 2, 1, {"device": "a test"}, 60, 15, 0.1, 0.9)

    def measure(self, architecture: Architecture) -> float:
        return 1.25 * float(self.model.seconds(GraphBatch.of([architecture]))[0])


@pytest.fixture
def page(tmp_path: Path) -> Any:
    x = np.random.default_rng(0).integers(0, 255, (80, 8, 8, 1)).astype(np.uint8)
    dataset = ImageDataset("noise", x, np.arange(80) % 2, x[:20], np.arange(20) % 2, classes=("a", "b"))

    def made(scorer: TableScorer | None = None, **settings: Any) -> str:
        run_search(
            dataset,
            space=SPACE,
            recipe=RECIPE,
            settings=SearchSettings(candidates=40, shortlist=2, batch=20, **settings),
            scorer=lambda number, verified: scorer or TableScorer(),
            run_folder=tmp_path / "run",
            trainer=TableTrainer(RECIPE.epochs),
            latency=Meter(),
        )
        return write_report(tmp_path / "run", SPACE).read_text(encoding="utf-8")

    return made


def test_a_proxy_is_named_and_nowhere_called_predicted_accuracy(page: Any) -> None:
    text = page(score="proxy:naswot")
    assert "The search, on proxy:naswot" in text
    assert "the zero-cost proxy naswot, no accuracy" in text
    assert "predicted accuracy" not in text
    assert "ms estimated" not in text


def test_latency_is_drawn_as_the_cost_and_listed_estimated_and_measured(page: Any) -> None:
    text = page(strategy="random", objectives=("accuracy", "latency"))
    assert "The search, on predictions" in text
    assert "estimated latency, ms" in text
    assert text.index("against estimated latency, ms") < text.index("against multiply-adds for one image")
    assert "off by 10% in the median" in text
    assert re.search(r'data-column="estimated" data-label="ms estimated" data-value="0\.\d+">0\.\d\d<', text)
    assert re.search(r'data-column="measured" data-label="ms measured" data-value="0\.\d+">0\.\d\d<', text)


def test_a_search_without_either_is_drawn_over_multiply_adds(page: Any) -> None:
    text = page()
    assert "multiply-adds for one image" in text
    assert "predicted accuracy" in text


class _Reaching(TableScorer):
    """Networks of more multiply-adds reach farther."""

    def score(self, graphs: GraphBatch) -> Prediction:
        said = super().score(graphs)
        return replace(said, distance=np.linspace(0.0, 2.0, len(said)))


def test_how_far_predictions_reach_is_in_tables_report_and_json_and_a_second_call_says_the_same(
    page: Any, tmp_path: Path
) -> None:
    text = page(scorer=_Reaching())
    result = SearchResult.from_json(read_json(tmp_path / "run" / "result.json"), tmp_path / "run")
    for one in result.verified:
        assert one.chosen.distance is not None
        assert one.chosen.extrapolation == extrapolation_of(one.chosen.distance)
        assert one.to_json()["chosen"]["distance"] == one.chosen.distance
        said = extrapolates(one.chosen.extrapolation, one.chosen.distance)
        assert f">{said}</td>" in text
        assert said in next(line for line in summary(result).splitlines() if line.startswith(named(one.chosen.hash)))
        reaches = one.chosen.extrapolation not in ("", "within")
        assert (f"extrapolates {one.chosen.extrapolation}" in repr(one.chosen)) == reaches
    assert ">extrapolates</button>" in text
    assert re.search(r"reach beyond experience: \d+ within, \d+ near, \d+ beyond, \d+ far\.", text)
    reached = result.rounds[0].extrapolation
    assert sum(reached.values()) == result.rounds[0].different
    assert list(reached) == ["within", "near", "beyond", "far"]
    assert f"reach beyond experience: {reached['within']} within, {reached['near']} near, " in summary(result)
    again = page(scorer=_Reaching())
    assert again.count(">far ") == text.count(">far ")
    kept = read_json(tmp_path / "run" / "round-1" / "shortlist.json")["chosen"]
    assert [one["extrapolation"] for one in kept] == [one.chosen.extrapolation for one in result.verified]
