"""`Experience`: trained networks as columns, the only thing predictors learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from presage.errors import InvalidArgument, InvalidExperience
from presage.records.dcn_filter import TOLERANCE, similar_datasets
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.data.sequences import Sequences, depth_steps, gathered, places, starts_of
from presage.surrogate.data.task import Task

if TYPE_CHECKING:
    from presage.architecture.batch.graph_batch import GraphBatch

__all__ = ["Experience"]

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
T = TypeVar("T")

TOGETHER = 1024
"""Rows that are encoded at once, which bounds the memory that it takes."""


@dataclass(frozen=True, eq=False)
class Experience:
    """n experiments: which network, on which task, with which accuracy.

    Attributes:
        graphs: the n architectures, one per experiment.
        hashes: (n,) their canonical hashes.
        task_index: (n,) position in `tasks`.
        tasks: every task there is a row of.
        accuracy: (n,) trained validation accuracy, in [0, 1].
        seeds: (n,) training seeds.
        depth_accuracies: per row, what detached heads read out along the depth; empty where not measured.
        spaces: (n,) families of search spaces that the networks come from; "" where unknown.
        early: (n,) accuracy after a third of the epochs; NaN where not measured.

    Raises:
        InvalidExperience: where a column breaks these rules; names the first bad row.
    """

    graphs: GraphBatch
    hashes: NDArray[np.str_]
    task_index: Ints
    tasks: tuple[Task, ...]
    accuracy: Floats
    seeds: Ints
    depth_accuracies: tuple[tuple[float, ...], ...] = ()
    spaces: NDArray[np.str_] = field(default_factory=lambda: np.zeros(0, "<U1"))
    early: Floats = field(default_factory=lambda: np.zeros(0))
    _source: tuple[Experience, Ints] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        n = len(self.graphs)
        if not self.depth_accuracies:
            object.__setattr__(self, "depth_accuracies", ((),) * n)
        if not len(self.spaces):
            object.__setattr__(self, "spaces", np.full(n, ""))
        if not len(self.early):
            object.__setattr__(self, "early", np.full(n, np.nan))
        for name in ("hashes", "task_index", "accuracy", "seeds", "depth_accuracies", "spaces", "early"):
            if len(getattr(self, name)) != n:
                raise InvalidExperience(
                    f"The `{name}` of `Experience` must be as long as its graphs ({n}). Got {len(getattr(self, name))}."
                )
        if n == 0:
            raise InvalidExperience("The rows of `Experience` must be at least 1. Got 0.")
        bad = np.flatnonzero(~((self.accuracy >= 0) & (self.accuracy <= 1)))  # also finds NaN
        if len(bad):
            raise InvalidExperience(
                f"The `accuracy` of `Experience` must be in [0, 1]. Got {self.accuracy[bad[0]]} in row {bad[0]}."
            )
        bad = np.flatnonzero((self.task_index < 0) | (self.task_index >= len(self.tasks)))
        if len(bad):
            raise InvalidExperience(
                f"The `task_index` of `Experience` must be below {len(self.tasks)}, the number of its tasks. "
                f"Got {self.task_index[bad[0]]} in row {bad[0]}."
            )

    def __len__(self) -> int:
        return len(self.accuracy)

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """The distinct datasets, in order of first appearance among `tasks`."""
        return tuple(dict.fromkeys(task.fingerprint for task in self.tasks))

    @cached_property
    def group(self) -> Ints:
        """(n,) position of each row's dataset in `fingerprints`: what is left out together."""
        position = {fingerprint: index for index, fingerprint in enumerate(self.fingerprints)}
        of_task = np.array([position[task.fingerprint] for task in self.tasks], np.int64)
        return of_task[self.task_index]

    def take(self, rows: ArrayLike) -> Experience:
        """The given rows, with only the tasks that they use. Encodings are shared, not computed again."""
        rows = np.asarray(rows)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        root, positions = self._root
        used, index = np.unique(self.task_index[rows], return_inverse=True)
        return Experience(
            graphs=self.graphs.take(rows),
            hashes=self.hashes[rows],
            task_index=index.astype(np.int64),
            tasks=tuple(self.tasks[task] for task in used),
            accuracy=self.accuracy[rows],
            seeds=self.seeds[rows],
            depth_accuracies=tuple(self.depth_accuracies[row] for row in rows),
            spaces=self.spaces[rows],
            early=self.early[rows],
            _source=(root, positions[rows]),
        )

    def without(self, fingerprints: Collection[str]) -> Experience:
        """All but these datasets."""
        return self._where(fingerprints, kept=False)

    def without_task(self, fingerprint: str, recipe: str) -> Experience:
        """All but the rows of one dataset by one recipe (hash).

        Raises:
            InvalidArgument: where nothing else is known.
        """
        left_out = np.array([(task.fingerprint, task.recipe) == (fingerprint, recipe) for task in self.tasks])
        if left_out.all():
            raise InvalidArgument("recipe", "Experience.without_task", "leave at least one experiment", recipe)
        return self.take(~left_out[self.task_index])

    def only(self, fingerprints: Collection[str]) -> Experience:
        """Only these datasets."""
        return self._where(fingerprints, kept=True)

    def _where(self, fingerprints: Collection[str], *, kept: bool) -> Experience:
        chosen = np.array([(task.fingerprint in fingerprints) == kept for task in self.tasks])
        rows = np.flatnonzero(chosen[self.task_index])
        if not len(rows):
            raise InvalidArgument("fingerprints", "Experience", "leave at least one experiment", sorted(fingerprints))
        return self.take(rows)

    def rows_by_task(self) -> Iterator[tuple[Task, Ints]]:
        """Each task with its rows."""
        for index, task in enumerate(self.tasks):
            yield task, np.flatnonzero(self.task_index == index)

    def similar(self, dcn: float, tolerance: float = TOLERANCE) -> Experience:
        """TAPAS's filter: the datasets with \\|DCN − DCN_j\\| ≤ tolerance."""
        known = {task.fingerprint: task.dcn for task in self.tasks}
        return self.only(similar_datasets(dcn, known, dict.fromkeys(known, 0), tolerance=tolerance, least=0)[0])

    @cached_property
    def features(self) -> NDArray[np.float32]:
        """(n, f) `Inputs.features` of every row on its own task."""
        root, positions = self._root
        return root._own_features if root is self else root._own_features[positions]

    @cached_property
    def sequences(self) -> Sequences:
        """`Inputs.sequence` of every row on its own task; the layers are shared with whatever this was taken from."""
        root, positions = self._root
        if root is not self:
            return root.sequences.take(positions)
        return gathered([(rows, inputs.sequence) for rows, inputs in self._by_shape()], len(self))

    @cached_property
    def depth_steps(self) -> Ints:
        """(l,) which of `depth_accuracies` was read out after each of `sequences.layers`, -1 for none."""
        root, positions = self._root
        if root is not self:
            starts = starts_of(root.sequences.lengths)[positions]
            return root.depth_steps[places(starts, self.sequences.lengths)]
        return depth_steps(self.sequences, self.graphs, self.hashes, self.depth_accuracies)

    def inputs(self, rows: Ints, task: Task) -> Inputs:
        """Some rows as `Inputs` on a task of theirs, with the encodings already computed here."""
        inputs = Inputs(self.graphs.take(rows), task, compiled=False)
        root, positions = self._root
        if "_own_features" in root.__dict__:
            inputs.__dict__["features"] = root._own_features[positions[rows]]
        if "sequences" in root.__dict__:
            inputs.__dict__["sequence"] = root.sequences.take(positions[rows])
        return inputs

    def shared(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives of these rows, made once for whatever has the same rows of the same experience: predictors
        that learn side by side need some of the same things. Who asks meanwhile waits for it.

        Args:
            key: what it is, and all that it depends on beside these rows.
            make: called by the first that asks; where that raises, the next one makes it anew.
        """
        root, positions = self._root
        name = (key, hashlib.sha256(positions.tobytes()).digest())
        known: dict[Hashable, Future[T]] = root.__dict__.setdefault("_shared", {})
        future = Future[T]()
        first = known.setdefault(name, future)
        if first is future:
            try:
                future.set_result(make())
            except BaseException as error:
                del known[name]
                future.set_exception(error)
        return first.result()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything a predictor can learn from: equal for equal rows in equal order."""
        sha = hashlib.sha256(b"presage-experience-2")
        for task in self.tasks:
            sha.update(repr(task).encode())
        sha.update("".join(self.hashes.tolist()).encode())
        sha.update("\n".join(self.spaces.tolist()).encode())
        for column in (self.task_index, self.accuracy, self.seeds, self.early):
            sha.update(np.ascontiguousarray(column).tobytes())
        sha.update(repr(self.depth_accuracies).encode())
        return sha.hexdigest()

    @cached_property
    def _own_features(self) -> NDArray[np.float32]:
        parts = [(rows, inputs.features) for rows, inputs in self._by_shape()]
        matrix = np.empty((len(self), parts[0][1].shape[1]), np.float32)
        for rows, part in parts:
            matrix[rows] = part
        return matrix

    def _by_shape(self) -> Iterator[tuple[Ints, Inputs]]:
        """All rows, those of one image shape and number of classes together, `TOGETHER` at most: encodings depend on
        nothing else of a task, and tasks of a few rows each take longer."""
        shapes = {(task.input_shape, task.classes): task for task in self.tasks}
        places = {shape: place for place, shape in enumerate(shapes)}
        of_task = np.array([places[task.input_shape, task.classes] for task in self.tasks], np.int64)
        of_row = of_task[self.task_index]
        for place, task in enumerate(shapes.values()):
            rows = np.flatnonzero(of_row == place)
            for start in range(0, len(rows), TOGETHER):
                some = rows[start : start + TOGETHER]
                yield some, Inputs(self.graphs.take(some), task, compiled=False)

    @property
    def _root(self) -> tuple[Experience, Ints]:
        return self._source or (self, np.arange(len(self), dtype=np.int64))
