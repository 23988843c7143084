"""What came of a network that was grown: `Grown`, a network of it, and `GrowResult`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.display import accuracies, scaled, table
from presage.search.run_paths import best_folder

if TYPE_CHECKING:
    from presage.training.model.trained import TrainedModel

__all__ = ["CHILD", "CLIMBED", "RANDOM", "SCRATCH", "START", "GrowResult", "Grown"]

START, CHILD, CLIMBED, SCRATCH, RANDOM = "start", "child", "climbed", "from scratch", "random"
"""What a network is there for: the small one, trained by the recipe; a child, trained for few epochs from the weights
of its parent; the last parent, trained on for the epochs of the recipe; the same graph from fresh weights; a graph that
such morphisms could have made, drawn, from fresh weights."""
_TOLD = 3  # morphisms in the table; the JSON has all
_NOTE = (
    "Children are trained for few epochs from the weights of their parents: their accuracies choose among them, and "
    "are no experiments."
)


@dataclass(frozen=True)
class Grown:
    """A network and what its training came to.

    Attributes:
        role: one of the above.
        name: of its folder, or the first digits of its hash.
        hash: of the architecture.
        how: morphisms that made it of its parent, or of the start.
        parameters, multiply_adds: for one image of the recipe's size.
        epochs: of this training alone.
        inherited: whether it began with inherited weights: then its accuracy is no experiment's.
        status: `finished`, `diverged`, `out_of_memory` or `crashed`.
        accuracy, test_accuracy: in [0, 1], after the training; None unless finished.
        processor_seconds: of the training, of this process; of the part since it was last begun.
        model: folder of the trained network; None where there is none.
        chosen: of children, whether it became the parent, or is on the convex hull of a forward search.
    """

    role: str
    name: str
    hash: str
    how: tuple[str, ...]
    parameters: int
    multiply_adds: int
    epochs: int
    inherited: bool
    status: str
    accuracy: float | None
    test_accuracy: float | None
    processor_seconds: float
    model: str | None
    chosen: bool = False

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**own, "how": list(self.how)}


@dataclass(frozen=True, repr=False)
class GrowResult:
    """The answer: the network at the end of the climb, beside what as many epochs give without inheriting.

    Attributes:
        network, dataset: as the user called them.
        recipe: as JSON; `recipe_words` is the same for people.
        networks: the start, the children step by step, the end of the climb twice, random ones.
        folder: of the run.
    """

    network: str
    dataset: str
    recipe: Mapping[str, Any]
    recipe_words: str
    networks: tuple[Grown, ...]
    folder: Path

    def of(self, role: str) -> list[Grown]:
        """The networks that are there for one thing."""
        return [one for one in self.networks if one.role == role]

    @property
    def best(self) -> Grown | None:
        """The one of the highest validation accuracy among the end of the climb, from inherited weights and from fresh
        ones, and the start; None where no training finished."""
        return _most_accurate([*self.of(CLIMBED), *self.of(SCRATCH), *self.of(START)])

    def within(self, multiply_adds: float = inf, parameters: float = inf) -> Grown | None:
        """The network of the highest validation accuracy that a budget allows, of the start, the chosen children, which
        of a forward search are a gallery along the convex hull, and the end; None where there is none. It lies in its
        folder (`model`)."""
        kept = [one for one in self.networks if one.chosen or one.role in (START, CLIMBED, SCRATCH)]
        return _most_accurate(
            [one for one in kept if one.multiply_adds <= multiply_adds and one.parameters <= parameters]
        )

    def __repr__(self) -> str:
        return self.text()

    def load(self) -> TrainedModel:
        """The best, ready to classify images.

        Raises:
            InvalidModel: no training finished.
        """
        from presage.training.model.folder import load_model

        return load_model(best_folder(self.folder))

    @property
    def answer(self) -> str:
        """*net.json grown to 5.2 times its multiply-adds: .812 from inherited weights, .805 from scratch; …*"""
        start, climbed, scratch = (_most_accurate(self.of(role)) for role in (START, CLIMBED, SCRATCH))
        if climbed is None and scratch is None:
            return f"{self.network} could not be grown: {self.networks[-1].status or 'no training finished'}."
        end = climbed or scratch
        assert end is not None  # as was just looked at
        told = [f"{_told(climbed)} from inherited weights", f"{_told(scratch)} trained from scratch"]
        beside = [] if start is None else [f"the start {_told(start)}"]
        random = _most_accurate(self.of(RANDOM))
        if random is not None:
            beside.append(f"the best of {len(self.of(RANDOM))} random ones for as many epochs {_told(random)}")
        first = self.networks[0]
        times = end.multiply_adds / max(first.multiply_adds, 1)
        return f"{self.network} grown to {times:.1f} times its multiply-adds: {', '.join(told)}; {', '.join(beside)}."

    def text(self) -> str:
        """The answer and a table, for people."""
        header = (
            "network", "parameters", "multiply-adds", "epochs", "validation", "test", "processor seconds", "weights",
            "morphisms",
        )  # fmt: skip
        told = table(header, map(_cells, self.networks))
        lines = [self.answer, f"Recipe: {self.recipe_words}.", "", told, "", _NOTE]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """All of it, the answer among it."""
        return {
            "format": "presage-grow",
            "version": 1,
            "answer": self.answer,
            "network": self.network,
            "dataset": self.dataset,
            "recipe": dict(self.recipe),
            "recipe_words": self.recipe_words,
            "networks": [one.to_json() for one in self.networks],
            "best": None if self.best is None else self.best.name,
            "folder": str(self.folder),
        }


def _most_accurate(networks: Sequence[Grown]) -> Grown | None:
    trained = [one for one in networks if one.accuracy is not None]
    return max(trained, key=lambda one: one.accuracy or 0.0, default=None)


def _told(one: Grown | None) -> str:
    return "nothing" if one is None or one.accuracy is None else f"{one.accuracy:.3f}"


def _cells(one: Grown) -> tuple[str, ...]:
    return (
        f"{one.role} {one.name}" + (" (chosen)" if one.chosen else ""),
        scaled(one.parameters),
        scaled(one.multiply_adds),
        str(one.epochs),
        accuracies(one.accuracy, None, none=one.status),
        accuracies(one.test_accuracy, None),
        f"{one.processor_seconds:.1f}",
        "inherited" if one.inherited else "fresh",
        "; ".join(one.how[:_TOLD]) + (f"; {len(one.how) - _TOLD} more" if len(one.how) > _TOLD else ""),
    )
