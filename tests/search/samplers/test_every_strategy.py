"""Every strategy of the registry, whoever adds it: repeatable by seed, the same after kill -9, alive after failures."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from presage.search.limits import Limits
from presage.search.samplers.history import History
from presage.search.strategies import SAMPLERS, get_proposer, get_sampler
from presage.search.studies.feasible import FeasibleDraws
from presage.search.studies.journal import Journal
from presage.search.studies.predicted import Candidates, PredictedStudy
from presage.search.testing import TableScorer, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
STRATEGIES = sorted(SAMPLERS)
SPACE = TinySpace()
SHAPE, CLASSES, BATCH, CANDIDATES = (1, 8, 8), 10, 15, 75


def _study(path: Path, strategy: str, seed: int = 0, scorer: TableScorer | None = None) -> PredictedStudy:
    draws = FeasibleDraws(SPACE, get_proposer(strategy, seed), Limits(parameters=1500), SHAPE, CLASSES)
    return PredictedStudy(
        Journal(path, mend=True), "predicted", draws, scorer or TableScorer(), seed=(seed,), batch=BATCH
    )


def _same(one: Candidates, other: Candidates) -> bool:
    names = ("codes", "value", "costs", "first")
    return all(np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)


@pytest.fixture(scope="module")
def wholes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Candidates, bytes]]:
    """Of each strategy, a search that nothing interrupted, and its journal."""
    found = {}
    for strategy in STRATEGIES:
        path = tmp_path_factory.mktemp(strategy) / "journal"
        found[strategy] = _study(path, strategy).run(CANDIDATES), path.read_bytes()
    return found


Wholes = dict[str, tuple[Candidates, bytes]]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_repeats_a_search_and_another_gives_another(strategy: str, wholes: Wholes, tmp_path: Path) -> None:
    whole, _ = wholes[strategy]
    assert len(whole) == CANDIDATES
    assert whole.cost("parameters").max() <= 1500
    assert _same(whole, _study(tmp_path / "again", strategy).run(CANDIDATES))
    other = _study(tmp_path / "other", strategy, seed=1).run(BATCH)
    assert not np.array_equal(other.codes, whole.codes[:BATCH])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_networks_that_cannot_be_scored_do_not_end_a_search(strategy: str, tmp_path: Path) -> None:
    found = _study(tmp_path / "j", strategy, scorer=TableScorer(unscorable=3)).run(CANDIDATES)
    assert len(found) == CANDIDATES
    assert 0 < np.isnan(found.value).sum() < CANDIDATES
    again = _study(tmp_path / "j", strategy, scorer=TableScorer(unscorable=3)).run(CANDIDATES)
    assert _same(found, again)  # the last batch, drawn anew from what is recorded
    nothing = _study(tmp_path / "n", strategy, scorer=TableScorer(unscorable=1)).run(2 * BATCH)
    assert np.isnan(nothing.value).all()


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_trials_that_fail_do_not_end_a_study_of_ones_own(strategy: str) -> None:
    """Out of memory, NaN, pruned, over: as an ordinary Optuna sampler, trial by trial."""

    def objective(trial: optuna.Trial) -> float:
        value = sum(trial.suggest_categorical(f"x{at}", [0, 1, 2]) for at in range(4))
        match trial.number % 5:
            case 1:
                raise MemoryError("CUDA out of memory")
            case 2:
                return float("nan")
            case 3:
                trial.report(value, 0)
                raise optuna.TrialPruned
        return float(value)

    studies = []
    for _ in range(2):
        study = optuna.create_study(direction="maximize", sampler=get_sampler(strategy, 3))
        study.optimize(objective, n_trials=25, catch=(MemoryError,))
        studies.append([trial.params for trial in study.get_trials(deepcopy=False)])
    assert studies[0] == studies[1]
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    assert [states.count(state) for state in (TrialState.FAIL, TrialState.PRUNED, TrialState.COMPLETE)] == [10, 5, 10]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_proposer_that_was_used_on_something_else_proposes_the_same(strategy: str) -> None:
    """What a strategy keeps in memory is a cache: a proposal depends on its arguments alone."""
    histories = []
    for seed in range(2):
        codes = SPACE.sample(60, np.random.default_rng(seed))
        history = History(len(SPACE.parameters))
        history.extend(codes, codes[:, :1] * 1.0)
        histories.append(history)
    used, fresh = get_proposer(strategy, 0), get_proposer(strategy, 0)
    used.propose(SPACE, histories[1], 10, (1,))
    for part in (20, 60, 40):
        one, other = (who.propose(SPACE, histories[0].first(part), 10, (part,)) for who in (used, fresh))
        assert np.array_equal(one.codes, other.codes)
        assert list(one.marks) == list(other.marks)


# kill -9 ------------------------------------------------------------------------------------------------------------

# A server that has imported everything forks a search for each line it reads: it starts in no time and dies alone.
SERVER = """
import importlib.util, os, sys, time
from pathlib import Path

spec = importlib.util.spec_from_file_location("every_strategy", sys.argv[1])
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)

class Slow(tests.TableScorer):
    def score(self, graphs):
        time.sleep(0.02)  # a moment to be killed in
        return super().score(graphs)

print("ready", flush=True)
for line in sys.stdin:
    strategy, path = line.rstrip().split(" ", 1)
    child = os.fork()
    if not child:
        try:
            tests._study(Path(path), strategy, scorer=Slow()).run(tests.CANDIDATES)
        except BaseException as error:
            print("error", repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


class Server:
    """Starts searches and kills them."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[3],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def killed(self, strategy: str, journal: Path, size: int) -> bool:
        """Whether a search was killed as soon as its journal had this many bytes."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{strategy} {journal}\n")
        self.process.stdin.flush()
        child = int(self._line())
        with contextlib.suppress(ProcessLookupError):  # it was done
            while not journal.exists() or journal.stat().st_size < size:
                time.sleep(0.001)
                os.kill(child, 0)
            os.kill(child, signal.SIGKILL)
        return int(self._line()) == -signal.SIGKILL


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    started = Server()
    yield started
    assert started.process.stdin is not None
    started.process.stdin.close()
    started.process.wait(timeout=60)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_killed_at_a_random_moment_a_search_becomes_what_it_would_have_been(
    strategy: str, wholes: Wholes, server: Server, tmp_path: Path
) -> None:
    whole, journal = wholes[strategy]
    randomness = random.Random(f"{strategy} {os.environ.get('PRESAGE_KILL_SEED', '0')}")
    kills = 0
    for _ in range(2):
        kills += server.killed(strategy, tmp_path / "killed", int(randomness.uniform(0.1, 0.8) * len(journal)))
    assert kills > 0
    before = (tmp_path / "killed").read_bytes()
    scorer = TableScorer()
    assert _same(_study(tmp_path / "killed", strategy, scorer=scorer).run(CANDIDATES), whole)
    assert scorer.scored < len(whole.unique)  # what was recorded is not scored again, but for the last batch
    lines = before[: before.rfind(b"\n") + 1]
    assert (tmp_path / "killed").read_bytes().startswith(lines)
    assert all(json.loads(line) for line in (tmp_path / "killed").read_bytes().splitlines())
