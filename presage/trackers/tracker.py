"""`Tracker`: what is told of a search or a training while it goes on, four calls in all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

__all__ = ["FAILED", "FINISHED", "INTERRUPTED", "Tracked", "Tracker", "Value", "as_table"]

FINISHED, FAILED, INTERRUPTED = "finished", "failed", "interrupted"

Value = str | int | float | bool


@dataclass(frozen=True)
class Tracked:
    """A search, or the trainings of one command, as it begins.

    Attributes:
        name: for people, such as *search flowers*.
        folder: where a tracker may leave files, in a folder of its own name: the run folder, or that of the models.
        parameters: what was asked for, by name; settings within settings have a dot (`recipe.epochs`).
    """

    name: str
    folder: Path
    parameters: Mapping[str, Value] = field(default_factory=dict)


@runtime_checkable
class Tracker(Protocol):
    """What is told. Every call comes from one thread, which is not the one that trains; an error ends the telling, and
    nothing else.

    Networks are called as tables of presage call them; a network that is trained by two recipes has two names.
    """

    def begin(self, tracked: Tracked) -> None:
        """The first call."""

    def epoch(self, network: str, epoch: int, values: Mapping[str, float]) -> None:
        """After an epoch of a training: its number, from 1, and losses (nats) and accuracies (in [0, 1]) by name. Of a
        search that goes on, what was trained before is told first."""

    def network(self, network: str, values: Mapping[str, Value]) -> None:
        """What became of a network: predicted and trained accuracies, costs, status."""

    def end(self, state: str, values: Mapping[str, float], files: Sequence[Path]) -> None:
        """The last call.

        Args:
            state: `finished`, `failed` or `interrupted`.
            values: of the whole, such as `best_accuracy`.
            files: report, options and the folder of the best network, those that there are.
        """


def as_table(networks: Mapping[str, Mapping[str, Value]]) -> tuple[list[str], list[list[Value | None]]]:
    """Columns and rows of what became of networks, by name; None where a network lacks what others have."""
    columns = list(dict.fromkeys(name for values in networks.values() for name in values))
    rows: list[list[Value | None]] = [
        [network, *(values.get(name) for name in columns)] for network, values in networks.items()
    ]
    return ["network", *columns], rows
