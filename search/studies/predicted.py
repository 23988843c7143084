"""The *predicted* study: thousands of candidates, scored without training any of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
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
from presage.search.studies.journal import Journal, Recorder
from presage.search.studies.objectives import DIRECTIONS
from presage.search.studies.scored_columns import ScoredColumns
from presage.search.studies.scorer import AnyScorer, prediction_of
from presage.search.studies.scores import PREDICTED, Score
from presage.surrogate.predictors.prediction import EXTRAPOLATION, extrapolation_of

__all__ = ["Candidates", "PredictedStudy", "read_candidates"]

Floats = NDArray[np.float64]
_BATCH, _FIRST, _KEY = "presage:batch", "same network as trial", "network key"
_LATENCY = "estimated latency [s]"
_INTERVAL = ("predicted", "lower", "upper", "level")
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
        self._forget()

    def _forget(self) -> None:
        self._found: dict[int, int] = {}  # network key → row of its first candidate
        self._rows: list[_Rows] = []  # of each batch
        self._scores = np.zeros((1024, 5))  # of the candidates so far, and room for more
        self._size = 0

    def run(self, candidates: int, on_candidates: Callable[[int], None] | None = None) -> Candidates:
        """Search until `candidates` are recorded (fewer where no more can be found within the limits); again, with more
        candidates, it goes on from those.

        Args:
            on_candidates: called with the number recorded, after each batch.

        Raises:
            NothingFeasible: where no candidate at all is within the limits.
            WrongInput: the journal is damaged.
        """
        with reading(self._recorder.path):
            recorded = [_Rows.of(columns) for columns in self._recorder.read_columns() if len(columns)]
            self._forget()  # what an earlier call found is among the recorded
            last = int(recorded[-1].batch[-1]) if recorded else 0
            kept = [rows.before(last) for rows in recorded]
            for rows in kept:
                self._take(rows)
        history = History(len(self.draws.space.parameters), len(self.objectives))
        for rows in kept:
            self._remember(history, rows)
        known, number = sum(map(len, recorded)), last
        while self._size < candidates:
            n = min(self.batch, candidates - self._size)
            feasible = self._next(history, n, number)
            if not len(feasible):
                break
            fresh = self._score(feasible, number)
            done = max(known - self._size, 0)  # of this batch, recorded before a kill
            trials = fresh.columns(self.objectives, self.score)
            self._recorder.write(trials[done:], self._size + done, candidates)
            self._take(fresh)
            self._remember(history, fresh)
            number += 1
            if on_candidates is not None:
                on_candidates(self._size)
        return _candidates(self._rows, len(self.draws.space.parameters))

    def _next(self, history: History, n: int, number: int) -> Feasible:
        if number == 0 and self.start is not None and len(self.start):
            found = self.draws.costed(self.start[:n])
            if len(found):
                return found
        return self.draws.draw(history, n, (*self.seed, number))

    def _score(self, feasible: Feasible, number: int) -> _Rows:
        """Rows of a batch; a network seen before, or earlier in the batch, takes the score it had."""
        keys, known = network_keys(feasible.graphs), self._size
        each, position, place = np.unique(keys, return_index=True, return_inverse=True)
        row = np.fromiter((self._found.get(key, -1) for key in each.tolist()), np.int64, len(each))
        first = np.where(row < 0, known + position, row)[place.ravel()]
        fresh = np.sort(position[row < 0])
        scores = np.empty((len(keys), 5))
        if len(fresh):
            graphs = feasible.graphs if len(fresh) == len(keys) else feasible.graphs.take(fresh)
            found = prediction_of(self.scorer, feasible.codes[fresh], graphs)
            told = np.nan if found.distance is None else found.distance
            for column, values in enumerate((found.value, found.lower, found.upper, found.level, told)):
                scores[fresh, column] = values
        again, before = np.maximum(first - known, 0), np.minimum(first, known)
        scores = np.where((first < known)[:, None], self._scores[before], scores[again])
        batch, marks = np.full(len(keys), number, np.int64), feasible.marks
        return _Rows(feasible.codes, scores, feasible.costs, feasible.latency, keys, first, batch, marks)

    def _take(self, rows: _Rows) -> None:
        for at, key in enumerate(rows.key.tolist(), start=self._size):
            self._found.setdefault(key, at)
        end = self._size + len(rows)
        if end >= len(self._scores):
            self._scores = np.concatenate([self._scores, np.zeros((max(end, len(self._scores)), 5))])
        self._scores[self._size : end] = rows.scores
        self._rows.append(rows)
        self._size = end

    def _remember(self, history: History, rows: _Rows) -> None:
        history.extend(rows.codes, rows.values(self.objectives, self.score) * self._signs, rows.marks)


@dataclass(frozen=True, eq=False)
class _Rows:
    """n candidates and what is recorded of them.

    Attributes:
        codes: (n, p).
        scores: (n, 5) value, lower and upper end, level, distance.
        costs: (n, 3) as in `COSTS`.
        latency: (n,).
        key: (n,) of the network.
        first: (n,) row of the first candidate with this key.
        batch: (n,) number of the batch.
        marks: (n,) of the strategy.
    """

    codes: Codes
    scores: Floats
    costs: NDArray[np.int64]
    latency: Floats
    key: NDArray[np.uint64]
    first: NDArray[np.int64]
    batch: NDArray[np.int64]
    marks: Sequence[Mapping[str, Any]]

    def __len__(self) -> int:
        return len(self.codes)

    def before(self, batch: int) -> _Rows:
        """Those of earlier batches."""
        n = int((self.batch < batch).sum())
        return _Rows(
            self.codes[:n], self.scores[:n], self.costs[:n], self.latency[:n], self.key[:n], self.first[:n],
            self.batch[:n], self.marks[:n],
        )  # fmt: skip

    def values(self, objectives: Sequence[str], score: Score) -> Floats:
        """(n, k) in the study's directions; NaN throughout where the value is no number."""
        costs: dict[str, NDArray[Any]] = dict(zip(COSTS, self.costs.T, strict=True))
        costs["latency"] = self.latency
        said = np.array([score.of(*row) for row in self.scores[:, :4].tolist()], np.float64)
        found = np.stack([said if name == "accuracy" else costs[name] for name in objectives], axis=1)
        return np.where(np.isfinite(found).all(axis=1)[:, None], found, np.nan)

    def columns(self, objectives: Sequence[str], score: Score) -> ScoredColumns:
        """As they are recorded."""
        user: dict[str, NDArray[Any]] = {}
        interval = np.asarray(np.isfinite(self.scores[:, :3]).all(axis=1))
        if interval.any() and score.predicts:
            said = np.where(interval[:, None], self.scores, np.nan)
            user |= dict(zip(_INTERVAL, said[:, :4].T, strict=True))
            told = np.isfinite(said[:, 4])
            if told.any():
                words = np.array([*(word for word, _ in EXTRAPOLATION), "far", ""], object)
                place = np.searchsorted([most for _, most in EXTRAPOLATION], said[:, 4])
                user |= {
                    _EXTRAPOLATION: words[np.where(told, place, -1)],
                    _DISTANCE: np.where(told, said[:, 4], np.nan),
                }
        elif interval.any():
            user[score.name] = np.where(interval, self.scores[:, 0], np.nan)
            user["score"] = np.where(interval, np.array(score.name, object), "")
        user |= dict(zip(COSTS, self.costs.T, strict=True))
        if np.isfinite(self.latency).any():
            user[_LATENCY] = np.where(np.isfinite(self.latency), self.latency, np.nan)
        keys = np.array([f"{key:016x}" for key in self.key.tolist()], object)
        user |= {_FIRST: self.first, _KEY: keys}
        of: dict[tuple[int, int], dict[str, Any]] = {}
        for mark, batch in zip(self.marks, self.batch.tolist(), strict=True):
            of.setdefault((id(mark), batch), {**mark, _BATCH: batch})
        system = [of[id(mark), batch] for mark, batch in zip(self.marks, self.batch.tolist(), strict=True)]
        return ScoredColumns(self.codes, self.values(objectives, score), user, system)

    @classmethod
    def of(cls, trials: ScoredColumns) -> _Rows:
        """The reverse of `columns`."""
        n, user = len(trials), trials.user
        missing = np.full(n, np.nan)

        def number(name: str) -> Floats:
            return np.asarray(user[name], np.float64) if name in user else missing

        scores = np.stack([number(name) for name in (*_INTERVAL, _DISTANCE)], axis=1)
        proxies = np.asarray(user.get("score", np.full(n, "", object)), object)
        for name in set(proxies.tolist()) - {""}:  # a proxy: a value without an interval
            rows = np.flatnonzero(proxies == name)
            scores[rows, :3], scores[rows, 3] = number(name)[rows, None], 0.0
        costs = np.stack([_whole(user[name]) for name in COSTS], axis=1)
        key = np.fromiter((int(text, 16) for text in user[_KEY].tolist()), np.uint64, n)
        marks: dict[int, tuple[int, dict[str, Any]]] = {}
        for system in trials.system:
            if id(system) not in marks:
                rest = dict(system)
                marks[id(system)] = int(rest.pop(_BATCH)), rest
        found = [marks[id(system)] for system in trials.system]
        batch = np.array([number for number, _ in found], np.int64)
        return cls(
            np.asarray(trials.codes, np.int64), scores, costs, number(_LATENCY), key, _whole(user[_FIRST]), batch,
            [rest for _, rest in found],
        )  # fmt: skip


def _whole(column: NDArray[Any]) -> NDArray[np.int64]:
    """(n,) whole numbers, which none may lack."""
    if column.dtype.kind not in "ui":
        raise ValueError("a whole number is missing")
    return column.astype(np.int64)


def _candidates(parts: Sequence[_Rows], parameters: int) -> Candidates:
    if not parts:
        whole, number = np.zeros(0, np.int64), np.zeros(0)
        codes, costs = np.zeros((0, parameters), np.int64), np.zeros((0, len(COSTS)), np.int64)
        parts = [_Rows(codes, np.zeros((0, 5)), costs, number, whole.astype(np.uint64), whole, whole, ())]
    scores = np.concatenate([part.scores for part in parts])
    level = scores[~np.isnan(scores[:, 3]), 3]
    return Candidates(
        codes=np.concatenate([part.codes for part in parts]),
        value=scores[:, 0],
        lower=scores[:, 1],
        upper=scores[:, 2],
        level=float(level[0]) if len(level) else 0.0,
        costs=np.concatenate([part.costs for part in parts]),
        latency=np.concatenate([part.latency for part in parts]),
        first=np.concatenate([part.first for part in parts]),
        distance=scores[:, 4],
    )


def read_candidates(recorder: Recorder) -> Candidates:
    """The candidates that a predicted study has recorded so far.

    Raises:
        WrongInput: the journal is damaged.
    """
    with reading(recorder.path):
        found = [_Rows.of(columns) for columns in recorder.read_columns() if len(columns)]
    return _candidates(found, recorder.parameters)
