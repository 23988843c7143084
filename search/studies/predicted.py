"""The *predicted* study: thousands of candidates, scored without training any of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes
from presage.errors import InvalidArgument
from presage.reading import reading
from presage.search.sameness import network_keys
from presage.search.samplers.history import History
from presage.search.studies.feasible import COSTS, Feasible, FeasibleDraws
from presage.search.studies.journal import Journal, Recorder, ScoredTrial, finite
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.scorer import AnyScorer, prediction_of
from presage.search.studies.scores import PREDICTED, Score
from presage.surrogate.predictors.prediction import EXTRAPOLATION, extrapolation_of

__all__ = ["Candidates", "PredictedStudy", "read_candidates"]

Floats = NDArray[np.float64]
_Score = tuple[float, float, float, float, float]
_BATCH, _FIRST, _KEY = "presage:batch", "same network as trial", "network key"
_LATENCY = "estimated latency [s]"
_DISTANCE, _EXTRAPOLATION = "distance", "extrapolation"


@dataclass(frozen=True, eq=False)
class Candidates:
    """The m candidates of a predicted study, in the order they were recorded (row = trial number).

    Attributes:
        codes: (m, p) choice indices in the space.
        value: (m,) what the scorer said: predicted accuracy, or a proxy; NaN where it had nothing to say.
        lower, upper: (m,) its interval.
        level: nominal coverage of the intervals.
        costs: (m, 3) parameters, multiply-adds, activation bytes.
        latency: (m,) *estimated* seconds; NaN where the search did not ask for it.
        first: (m,) row of the first candidate that is the same network; its own where it is new.
        distance: (m,) how far each prediction reaches beyond experience; NaN where the scorer does not tell, None where
            it tells of none.
    """

    codes: Codes
    value: Floats
    lower: Floats
    upper: Floats
    level: float
    costs: NDArray[np.int64]
    latency: Floats
    first: NDArray[np.int64]
    distance: Floats | None = None

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def unique(self) -> NDArray[np.int64]:
        """Rows of different networks that were scored, ascending."""
        found: NDArray[np.int64] = np.flatnonzero((self.first == np.arange(len(self))) & ~np.isnan(self.value))
        return found

    @property
    def extrapolation(self) -> tuple[str, ...]:
        """`distance` of each as one word: "within", "near", "beyond" or "far"; "" where it is not told."""
        return ("",) * len(self) if self.distance is None else tuple(map(extrapolation_of, self.distance.tolist()))

    @property
    def reaching(self) -> dict[str, int]:
        """How many predictions of different networks reach how far, nearest first; empty where none tells."""
        words = self.extrapolation
        told = Counter(words[row] for row in self.unique)
        order = [*(word for word, _ in EXTRAPOLATION), "far"]
        return {word: told[word] for word in order if told[word]}

    def distance_of(self, row: int) -> float:
        """`distance` of one candidate, NaN where it is not told."""
        return math.nan if self.distance is None else float(self.distance[row])

    def cost(self, name: str) -> NDArray[Any]:
        """(m,) the cost of this name: one of `COSTS`, or `latency`."""
        return self.latency if name == "latency" else self.costs[:, COSTS.index(name)]


class PredictedStudy:
    """A study whose objective is a scorer: a strategy proposes, limits drop, duplicates are looked up, the rest scored.

    Every batch is a function of the run's seed, the batch's number and what is recorded before it; it is recorded in
    one append. After a kill the last recorded batch is drawn again and what is missing of it is recorded, so that a
    resumed study is the one that would have been.

    Args:
        journal: where it is recorded, under `name`.
        draws: proposes candidates within the limits.
        scorer: scores them.
        objectives: `accuracy`, and costs beside it.
        score: what `accuracy` stands for: the scorer's value, or another reading of it.
        seed: integers that begin the seed of every batch.
        batch: candidates proposed from one state of knowledge.
        start: (n, p) candidates to begin with, such as the best of an earlier round.
    """

    def __init__(
        self,
        journal: Journal,
        name: str,
        draws: FeasibleDraws,
        scorer: AnyScorer,
        *,
        objectives: Sequence[str] = ("accuracy",),
        score: Score = PREDICTED,
        seed: Sequence[int] = (0,),
        batch: int = 100,
        start: Codes | None = None,
    ) -> None:
        if batch < 1:
            raise InvalidArgument("batch", "PredictedStudy", "be at least 1", batch)
        self.draws, self.scorer, self.seed, self.batch, self.start = draws, scorer, tuple(seed), batch, start
        self.objectives, self.score = tuple(objectives), score
        directions = [DIRECTIONS[objective] for objective in self.objectives]
        self._signs = np.array([1.0 if direction == "maximize" else -1.0 for direction in directions])
        self._recorder = journal.recorder(name, directions, draws.space)
        self._found: dict[int, int] = {}  # network key → row of its first candidate
        self._rows: list[_Row] = []

    def run(self, candidates: int, on_candidates: Callable[[int], None] | None = None) -> Candidates:
        """Search until `candidates` are recorded (fewer where no more can be found within the limits).

        Args:
            on_candidates: called with the number recorded, after each batch.

        Raises:
            NothingFeasible: where no candidate at all is within the limits.
            WrongInput: the journal is damaged.
        """
        with reading(self._recorder.path):
            recorded = list(self._recorder.read())
            last = recorded[-1].system[_BATCH] if recorded else 0
            whole = sum(trial.system[_BATCH] < last for trial in recorded)
            for trial in recorded[:whole]:
                self._take(_Row.of(trial))
        history = History(len(self.draws.space.parameters), len(self.objectives))
        if whole:
            self._remember(history, self._rows)
        number = last
        while len(self._rows) < candidates:
            n = min(self.batch, candidates - len(self._rows))
            feasible = self._next(history, n, number)
            if not len(feasible):
                break
            fresh = self._score(feasible, number)
            done = max(len(recorded) - len(self._rows), 0)  # of this batch, recorded before a kill
            trials = [row.trial(self.objectives, self.score) for row in fresh[done:]]
            self._recorder.write(trials, len(self._rows) + done)
            for row in fresh:
                self._take(row)
            self._remember(history, fresh)
            number += 1
            if on_candidates is not None:
                on_candidates(len(self._rows))
        return _columns(self._rows)

    def _next(self, history: History, n: int, number: int) -> Feasible:
        if number == 0 and self.start is not None and len(self.start):
            found = self.draws.costed(self.start[:n])
            if len(found):
                return found
        return self.draws.draw(history, n, (*self.seed, number))

    def _score(self, feasible: Feasible, number: int) -> list[_Row]:
        """Rows of a batch; a network seen before, or earlier in the batch, takes the score it had."""
        keys = network_keys(feasible.graphs).tolist()
        known = len(self._rows)
        fresh: dict[int, int] = {}  # key → position in the batch of its first candidate
        for at, key in enumerate(keys):
            if key not in self._found:
                fresh.setdefault(key, at)
        scores: dict[int, _Score] = {}
        if fresh:
            rows_of = list(fresh.values())
            found = prediction_of(self.scorer, feasible.codes[rows_of], feasible.graphs.take(rows_of))
            columns = (found.value.tolist(), found.lower.tolist(), found.upper.tolist())
            told = [math.nan] * len(fresh) if found.distance is None else found.distance.tolist()
            scores = {
                key: (*score, found.level, distance)
                for key, *score, distance in zip(fresh, *columns, told, strict=True)
            }
        rows: list[_Row] = []
        for at, key in enumerate(keys):
            first = self._found[key] if key in self._found else known + fresh[key]
            score = scores[key] if key in scores else self._rows[first].score
            costs = tuple(feasible.costs[at].tolist())
            code, latency = tuple(feasible.codes[at].tolist()), float(feasible.latency[at])
            rows.append(_Row(code, *score, costs, latency, key, first, number, feasible.marks[at]))
        return rows

    def _take(self, row: _Row) -> None:
        self._found.setdefault(row.key, len(self._rows))
        self._rows.append(row)

    def _remember(self, history: History, rows: Sequence[_Row]) -> None:
        missing = (np.nan,) * len(self.objectives)
        values = np.array([row.values(self.objectives, self.score) or missing for row in rows])
        history.extend(
            np.array([row.code for row in rows], np.int64), values * self._signs, [row.marks for row in rows]
        )


@dataclass(frozen=True, slots=True)
class _Row:
    """One candidate and what is recorded of it."""

    code: tuple[int, ...]
    value: float
    lower: float
    upper: float
    level: float
    distance: float
    costs: tuple[int, ...]
    latency: float
    key: int
    first: int
    batch: int
    marks: Any

    @property
    def score(self) -> _Score:
        return (self.value, self.lower, self.upper, self.level, self.distance)

    def values(self, objectives: Sequence[str], score: Score) -> tuple[float, ...]:
        """One per objective, in the study's directions; empty where the value is no number."""
        costs: dict[str, float] = dict(zip(COSTS, self.costs, strict=True))
        costs["latency"] = self.latency
        said = score.of(self.value, self.lower, self.upper, self.level)
        return finite([said if name == "accuracy" else costs[name] for name in objectives])

    def trial(self, objectives: Sequence[str], score: Score) -> ScoredTrial:
        interval = finite((self.value, self.lower, self.upper))
        user: dict[str, Any] = dict(zip(COSTS, self.costs, strict=True))
        if finite((self.latency,)):
            user[_LATENCY] = self.latency
        if interval and score.predicts:
            said: dict[str, Any] = {
                "predicted": interval[0],
                "lower": interval[1],
                "upper": interval[2],
                "level": self.level,
            }
            if finite((self.distance,)):
                said |= {_EXTRAPOLATION: extrapolation_of(self.distance), _DISTANCE: self.distance}
            user = said | user
        elif interval:
            user = {score.name: interval[0], "score": score.name, **user}
        user |= {_FIRST: self.first, _KEY: f"{self.key:016x}"}
        return ScoredTrial(self.code, self.values(objectives, score), user, {**self.marks, _BATCH: self.batch})

    @classmethod
    def of(cls, trial: ScoredTrial) -> _Row:
        user, system = trial.user, dict(trial.system)
        batch = system.pop(_BATCH)
        if "score" in user:  # a proxy: a value without an interval
            value = lower = upper = float(user[user["score"]])
            level = 0.0
        else:
            said = (user.get(name, np.nan) for name in ("predicted", "lower", "upper", "level"))
            value, lower, upper, level = map(float, said)
        costs, latency = tuple(int(user[name]) for name in COSTS), float(user.get(_LATENCY, np.nan))
        key, first, distance = int(user[_KEY], 16), int(user[_FIRST]), float(user.get(_DISTANCE, np.nan))
        return cls(tuple(trial.code), value, lower, upper, level, distance, costs, latency, key, first, batch, system)


def _columns(rows: Sequence[_Row]) -> Candidates:
    return Candidates(
        codes=np.array([row.code for row in rows], np.int64),
        value=np.array([row.value for row in rows]),
        lower=np.array([row.lower for row in rows]),
        upper=np.array([row.upper for row in rows]),
        level=next((row.level for row in rows if row.level == row.level), 0.0),
        costs=np.array([row.costs for row in rows], np.int64).reshape(len(rows), len(COSTS)),
        latency=np.array([row.latency for row in rows], np.float64),
        first=np.array([row.first for row in rows], np.int64),
        distance=np.array([row.distance for row in rows], np.float64),
    )


def read_candidates(recorder: Recorder) -> Candidates:
    """The candidates that a predicted study has recorded so far.

    Raises:
        WrongInput: the journal is damaged.
    """
    with reading(recorder.path):
        return _columns([_Row.of(trial) for trial in recorder.read()])
