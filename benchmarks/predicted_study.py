"""Candidates a second of the predicted study, end to end and in parts; and how Optuna's own ways of recording compare.

    python benchmarks/predicted_study.py [--candidates 20000] [--space chain] [--predictor ensemble] [--threads 2]
        [--strategy NAME] [--parts] [--quarters] [--json]

Proposed, checked, costed, compared with what was seen, scored and recorded on disk, in batches as `presage search`
takes them. The predictor is fitted on made-up experience: its speed is real, its opinion is not; or it is the
`shipped` one, which asks more of its members, of fewer twins. Rates are by the clock; those per CPU second beside them
are what one core does, and what to compare where other work shares the machine. With `--quarters`, long studies without
limits instead, and what a candidate costs as they grow: a million fit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--candidates", type=int, default=20_000)
parser.add_argument("--batch", type=int, help="candidates proposed at a time (default: as `presage search` has it)")
parser.add_argument("--space", default="chain")
parser.add_argument("--predictor", default="boosted-trees", help="one that is fitted here, or `shipped`")
parser.add_argument("--threads", type=int, default=2, help="CPU threads")
parser.add_argument("--strategy", action="append", metavar="NAME", help="measure only these")
parser.add_argument("--parts", action="store_true", help="also the steps one by one, and ways of recording")
parser.add_argument("--quarters", action="store_true", help="CPU time by quarters, bytes and memory alone, no limits")
parser.add_argument("--json", action="store_true")
arguments = parser.parse_args()
os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # before NumPy, LightGBM and torch are loaded

import numpy as np  # noqa: E402
import optuna  # noqa: E402

from presage.architecture.batch.costs import batch_costs  # noqa: E402
from presage.architecture.encoders import graph_features  # noqa: E402
from presage.architecture.spaces import get_space  # noqa: E402
from presage.architecture.spaces.space import Space  # noqa: E402
from presage.search.latency.model import LatencyModel  # noqa: E402
from presage.search.latency.work import WORK  # noqa: E402
from presage.search.limits import Limits  # noqa: E402
from presage.search.sameness import network_keys  # noqa: E402
from presage.search.samplers.distributions import distributions  # noqa: E402
from presage.search.samplers.history import History  # noqa: E402
from presage.search.settings import SearchSettings  # noqa: E402
from presage.search.strategies import SAMPLERS, get_proposer  # noqa: E402
from presage.search.studies.feasible import FeasibleDraws  # noqa: E402
from presage.search.studies.journal import Journal, ScoredTrial  # noqa: E402
from presage.search.studies.predicted import PredictedStudy  # noqa: E402
from presage.search.studies.scorer import PredictorScorer, Scorer  # noqa: E402
from presage.surrogate import get_predictor  # noqa: E402
from presage.surrogate.predictors.cache import shipped  # noqa: E402
from presage.surrogate.predictors.storage import load_predictor  # noqa: E402
from presage.surrogate.testing import synthetic_experience, synthetic_task  # noqa: E402

SHAPE, CLASSES = (3, 16, 16), 10
LATENCY = LatencyModel(  # made up; only its speed matters
    tuple(1e-9 if ":" in name else 1e-5 for name in WORK), SHAPE, CLASSES, 1, {}, 60, 15, 0.1, 0.9
)
FAST = ("random", "evolution", "reinforce")  # thousands a second; of the others a few hundred tell enough


class Rate(NamedTuple):
    """Things a second."""

    by_clock: float
    per_cpu_second: float


def rate(count: int, work: Callable[[], Any], times: int = 1) -> Rate:
    """`count` things are done by one call; of `times` calls the least clock and the least CPU time, each by itself."""
    spent = []
    for _ in range(times):
        clock, cpu = time.perf_counter(), time.process_time()
        work()
        spent.append((time.perf_counter() - clock, time.process_time() - cpu))
    return Rate(count / min(clock for clock, _ in spent), count / min(cpu for _, cpu in spent))


def fitted(name: str) -> Scorer:
    """A predictor that learned from made-up experience, or the shipped one."""
    if name == "shipped":
        folder = next((folder for folder in shipped().iterdir() if folder.name.startswith("ensemble-")), None)
        if folder is None:
            raise SystemExit("No ensemble is shipped here. `make fitted` fits one.")
        return PredictorScorer(load_predictor(folder, folder.name.encode()), synthetic_task(1001), name)
    return PredictorScorer(get_predictor(name).fit(synthetic_experience(28, 56)), synthetic_task(1001), name)


def studies(space: Space, scorer: Scorer, strategies: Sequence[str], folder: Path) -> dict[str, Rate]:
    """Candidates a second of each strategy, recorded in a journal; what is compiled or loaded once is not counted."""
    found = {}
    draws = FeasibleDraws(space, get_proposer("random", 1), Limits(), SHAPE, CLASSES)
    PredictedStudy(journal_in(folder / "first"), "predicted", draws, scorer, batch=batch_of(2000)).run(2000)
    for name in strategies:
        few = arguments.candidates if name in FAST else min(arguments.candidates, 300)
        draws = FeasibleDraws(space, get_proposer(name, 0), Limits(), SHAPE, CLASSES)
        study = PredictedStudy(journal_in(folder / name), "predicted", draws, scorer, batch=batch_of(few))
        found[name] = rate(few, partial(study.run, few))
    sample = space.decode_batch(space.sample(2000, np.random.default_rng(1)))
    sizes, seconds_each = batch_costs(sample, SHAPE, CLASSES).parameters, LATENCY.seconds(sample)
    limits = {
        "parameters": (Limits(parameters=int(np.percentile(sizes, 1))), None),
        "estimated latency": (Limits(latency_seconds=float(np.percentile(seconds_each, 1))), LATENCY),
    }
    for name in (name for name in FAST if name in strategies):
        for limited, (limit, latency) in limits.items():
            draws = FeasibleDraws(space, get_proposer(name, 0), limit, SHAPE, CLASSES, latency)
            journal = journal_in(folder / f"{name}-{limited}")
            study = PredictedStudy(journal, "predicted", draws, scorer, batch=batch_of(arguments.candidates))
            done = rate(arguments.candidates, partial(study.run, arguments.candidates))
            found[f"{name}, {limited} that 1 in 100 has"] = done
    return found


def quarters(space: Space, scorer: Scorer, name: str, folder: Path) -> str:
    """A line: what a candidate costs in each quarter of one long study, and what it leaves on disk and in memory."""
    marks = [(0, time.process_time(), time.perf_counter())]
    draws = FeasibleDraws(space, get_proposer(name, 0), Limits(), SHAPE, CLASSES)
    journal = journal_in(folder / f"{name}-long")
    before = bytes_in(folder)
    study = PredictedStudy(journal, "predicted", draws, scorer, batch=batch_of(arguments.candidates))
    found = study.run(arguments.candidates, lambda done: marks.append((done, time.process_time(), time.perf_counter())))
    ends = [next(mark for mark in marks if mark[0] >= at) for at in np.linspace(0, len(found), 5).astype(int)]
    ends = sorted(set(ends))  # fewer than five where a batch is more than a quarter
    each = [1e6 * (end[1] - begin[1]) / (end[0] - begin[0]) for begin, end in pairwise(ends)]
    size = bytes_in(folder) - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return (
        f"{name}: {len(found)} candidates, {len(found.unique)} different networks; CPU microseconds each by quarters "
        f"{', '.join(f'{one:.0f}' for one in each)}; {marks[-1][1] - marks[0][1]:.0f} CPU seconds, "
        f"{marks[-1][2] - marks[0][2]:.0f} by the clock; {size / len(found):.0f} bytes each on disk; "
        f"{peak:.2f} GB of memory at most"
    )


def journal_in(folder: Path) -> Journal:
    """In a folder of its own: the candidates of long studies lie beside the journal."""
    folder.mkdir()
    return Journal(folder / "journal.log")


def bytes_in(folder: Path) -> int:
    """Of all files in it."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def batch_of(candidates: int) -> int:
    """Candidates proposed at a time where so many are asked for in all: `--batch`, or what `presage search` takes."""
    return arguments.batch or SearchSettings(candidates=candidates).batch_size


def parts(space: Space, scorer: Scorer) -> dict[str, Rate]:
    """Candidates a second of each step, on batches of the size the study uses."""
    rng, batch = np.random.default_rng(0), batch_of(arguments.candidates)
    codes = space.sample(batch, rng)
    graphs = space.decode_batch(codes)
    history = History(codes.shape[1])
    history.extend(codes, rng.random((len(codes), 1)))
    evolution = get_proposer("evolution", 0)
    steps: dict[str, Callable[[], Any]] = {
        "sample": lambda: space.sample(batch, rng),
        "mutate": lambda: evolution.propose(space, history, batch, (0,)),
        "decode": lambda: space.decode_batch(codes),
        "costs": lambda: batch_costs(graphs, SHAPE, CLASSES),
        "network keys": lambda: network_keys(graphs),
        "encode": lambda: graph_features(space.decode_batch(codes), SHAPE),  # afresh: a batch keeps what was worked out
        "encode and predict": lambda: scorer.score(space.decode_batch(codes)),
    }
    return {name: rate(batch, step, times=7) for name, step in steps.items()}


def recording(space: Space, folder: Path) -> dict[str, Rate]:
    """Trials a second by each way of recording them in a journal file."""
    kinds = distributions(space)
    codes = space.sample(1000, np.random.default_rng(0))
    found: dict[str, Rate] = {}

    def study(name: str) -> optuna.Study:
        backend = optuna.storages.journal.JournalFileBackend(str(folder / name))
        return optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="s")

    asked = study("ask")

    def ask() -> None:
        for _ in range(10):
            asked.tell(asked.ask(kinds), 0.5)

    found["Optuna: ask and tell"] = rate(10, ask)
    added = study("add")
    trials = [optuna.create_trial(params=space.params(code), distributions=kinds, value=0.5) for code in codes[:200]]
    found["Optuna: add_trials"] = rate(200, lambda: added.add_trials(trials))
    recorder = Journal(folder / "bulk").recorder("s", ("maximize",), space)
    scored = [ScoredTrial(code.tolist(), (0.5,)) for code in codes]
    found["presage: Recorder.write"] = rate(1000, lambda: recorder.write(scored))
    found["presage: Recorder.read"] = rate(1000, lambda: list(recorder.read()))
    found["Optuna: open what was recorded"] = rate(
        1000, lambda: optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "bulk")))
    )
    return found


def main() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    space, scorer = get_space(arguments.space), fitted(arguments.predictor)
    tables: dict[str, dict[str, Rate]] = {}
    with tempfile.TemporaryDirectory() as name:
        if arguments.quarters:
            for strategy in arguments.strategy or FAST:
                print(quarters(space, scorer, strategy, Path(name)), flush=True)
            return
        if arguments.parts:
            tables["recording, trials"] = recording(space, Path(name))
            tables[f"parts in batches of {batch_of(arguments.candidates)}, candidates"] = parts(space, scorer)
        title = f"predicted study of {arguments.candidates} in {space.name}, {arguments.predictor}, candidates"
        tables[title] = studies(space, scorer, arguments.strategy or list(SAMPLERS), Path(name))
    if arguments.json:
        print(json.dumps(tables))
        return
    for title, table in tables.items():
        print(f"{title:60s} {'a second':>10s} {'a CPU second':>14s}")
        for row, done in table.items():
            print(f"  {row:58s} {done.by_clock:10,.0f} {done.per_cpu_second:14,.0f}")


if __name__ == "__main__":
    main()
