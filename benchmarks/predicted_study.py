"""Candidates a second of the predicted study, end to end and in parts; and how Optuna's own ways of recording compare.

    python benchmarks/predicted_study.py [--candidates 5000] [--space chain] [--batch 100] [--strategy NAME] [--json]

Proposed, checked, costed, compared with what was seen, scored and recorded on disk. The scorer is boosted trees over
graph features, fitted on made-up accuracies: its speed is real, its opinion is not. CPU seconds of this process, on one
core, are counted, so that other work on the machine does not show; waiting for the disk does not show either.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna

from architecture.batch import GraphBatch
from architecture.batch_costs import batch_costs
from architecture.encoders import graph_features
from architecture.spaces import get_space
from architecture.spaces.space import Space
from search.distributions import distributions
from search.feasible import FeasibleDraws
from search.history import History
from search.journal import Journal, ScoredTrial
from search.latency_model import LatencyModel
from search.latency_work import WORK
from search.limits import Limits
from search.predicted import PredictedStudy
from search.sameness import network_keys
from search.samplers import SAMPLERS, get_proposer
from surrogate.prediction import Prediction

SHAPE, CLASSES = (3, 16, 16), 10
LATENCY = LatencyModel(  # made up; only its speed matters
    tuple(1e-9 if ":" in name else 1e-5 for name in WORK), SHAPE, CLASSES, 1, {}, 60, 15, 0.1, 0.9
)
FAST = ("random", "evolution", "reinforce")  # thousands a second; of the others a few hundred tell enough


class TreesScorer:
    """LightGBM on graph features."""

    name = "benchmark"

    def __init__(self, space: Space) -> None:
        import lightgbm

        graphs = space.decode_batch(space.sample(2000, np.random.default_rng(0)))
        features = np.asarray(graph_features(graphs, SHAPE))
        target = np.log1p(batch_costs(graphs, SHAPE, CLASSES).multiply_adds)
        options = {"objective": "regression", "num_leaves": 15, "verbose": -1, "num_threads": 1}
        self.trees = lightgbm.train(options, lightgbm.Dataset(features, target), num_boost_round=200)

    def score(self, graphs: GraphBatch) -> Prediction:
        """See `Scorer.score`."""
        value = np.asarray(self.trees.predict(np.asarray(graph_features(graphs, SHAPE))))
        return Prediction(value, value - 0.1, value + 0.1, 0.9)


def seconds(work: Callable[[], Any]) -> float:
    """CPU time of one call."""
    began = time.process_time()
    work()
    return time.process_time() - began


def studies(space: Space, candidates: int, batch: int, strategies: Sequence[str], folder: Path) -> dict[str, float]:
    """Candidates a second of each strategy, recorded in a journal."""
    scorer = TreesScorer(space)
    found = {}
    for name in strategies:
        few = candidates if name in FAST else min(candidates, 300)
        draws = FeasibleDraws(space, get_proposer(name, 0), Limits(), SHAPE, CLASSES)
        study = PredictedStudy(Journal(folder / name), "predicted", draws, scorer, batch=batch)
        found[name] = few / seconds(lambda study=study, few=few: study.run(few))  # type: ignore[misc]
    sample = space.decode_batch(space.sample(2000, np.random.default_rng(1)))
    sizes, seconds_each = batch_costs(sample, SHAPE, CLASSES).parameters, LATENCY.seconds(sample)
    limits = {
        "parameters": (Limits(parameters=int(np.percentile(sizes, 1))), None),
        "estimated latency": (Limits(latency_seconds=float(np.percentile(seconds_each, 1))), LATENCY),
    }
    for name in (name for name in FAST if name in strategies):
        for limited, (limit, latency) in limits.items():
            draws = FeasibleDraws(space, get_proposer(name, 0), limit, SHAPE, CLASSES, latency)
            journal = Journal(folder / f"{name}-{limited}")
            study = PredictedStudy(journal, "predicted", draws, scorer, batch=batch)
            rate = candidates / seconds(lambda study=study: study.run(candidates))  # type: ignore[misc]
            found[f"{name}, {limited} that 1 in 100 has"] = rate
    return found


def parts(space: Space, batch: int) -> dict[str, float]:
    """Candidates a second of each step, on batches of the size the study uses."""
    rng = np.random.default_rng(0)
    codes = space.sample(batch, rng)
    graphs = space.decode_batch(codes)
    scorer = TreesScorer(space)
    history = History(codes.shape[1])
    history.extend(codes, rng.random((len(codes), 1)))
    evolution = get_proposer("evolution", 0)
    steps: dict[str, Callable[[], Any]] = {
        "sample": lambda: space.sample(batch, rng),
        "mutate": lambda: evolution.propose(space, history, batch, (0,)),
        "decode": lambda: space.decode_batch(codes),
        "costs": lambda: batch_costs(graphs, SHAPE, CLASSES),
        "network keys": lambda: network_keys(graphs),
        "encode": lambda: graph_features(graphs, SHAPE),
        "encode and predict": lambda: scorer.score(graphs),
    }
    return {name: batch / min(seconds(step) for _ in range(7)) for name, step in steps.items()}


def recording(space: Space, folder: Path) -> dict[str, float]:
    """Trials a second by each way of recording them in a journal file."""
    kinds = distributions(space)
    codes = space.sample(1000, np.random.default_rng(0))
    found: dict[str, float] = {}

    def study(name: str) -> optuna.Study:
        backend = optuna.storages.journal.JournalFileBackend(str(folder / name))
        return optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="s")

    asked = study("ask")

    def ask() -> None:
        for _ in range(10):
            asked.tell(asked.ask(kinds), 0.5)

    found["Optuna: ask and tell"] = 10 / seconds(ask)
    added = study("add")
    trials = [optuna.create_trial(params=space.params(code), distributions=kinds, value=0.5) for code in codes[:200]]
    found["Optuna: add_trials"] = 200 / seconds(lambda: added.add_trials(trials))
    recorder = Journal(folder / "bulk").recorder("s", ("maximize",), space)
    scored = [ScoredTrial(code.tolist(), (0.5,)) for code in codes]
    found["presage: Recorder.write"] = 1000 / seconds(lambda: recorder.write(scored))
    found["presage: Recorder.read"] = 1000 / seconds(lambda: list(recorder.read()))
    found["Optuna: open what was recorded"] = 1000 / seconds(
        lambda: optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "bulk")))
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, default=5000)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--space", default="chain")
    parser.add_argument("--strategy", action="append", choices=sorted(SAMPLERS), help="measure only these")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space = get_space(arguments.space)
    tables: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        if arguments.strategy is None:
            tables["recording, trials/s"] = recording(space, Path(name))
            tables[f"parts in batches of {arguments.batch}, candidates/s"] = parts(space, arguments.batch)
        tables["predicted study, candidates/s"] = studies(
            space, arguments.candidates, arguments.batch, arguments.strategy or list(SAMPLERS), Path(name)
        )
    if arguments.json:
        print(json.dumps(tables))
        return
    for title, table in tables.items():
        print(title)
        for row, rate in table.items():
            print(f"  {row:45s} {rate:10,.0f}")


if __name__ == "__main__":
    main()
