"""The table of all networks of a run: its columns, and a cell of text with what it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from presage.output import extrapolates, scaled
from presage.report.networks import ShownNetwork, ShownTraining

__all__ = ["Board", "BoardCell", "BoardColumn", "leaderboard"]


@dataclass(frozen=True)
class BoardColumn:
    """A column of the table.

    Attributes:
        key: how cells name it.
        label: its head.
        group: what stands above the head: the recipe that its accuracies are by, or "".
        hidden: not shown until it is chosen.
        help: what it means, in a sentence.
    """

    key: str
    label: str
    group: str = ""
    hidden: bool = False
    help: str = ""


@dataclass(frozen=True)
class BoardCell:
    """What a column shows of a network, and the number that it is sorted by; None is last."""

    column: str
    label: str
    hidden: bool
    text: str
    value: float | None
    small: str = ""


@dataclass(frozen=True)
class Board:
    """The table: columns that say anything of any network, and the rows' cells beside their networks."""

    columns: tuple[BoardColumn, ...]
    rows: tuple[tuple[ShownNetwork, tuple[BoardCell, ...]], ...]

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What stands above the heads, and over how many of them."""
        found: list[tuple[str, int]] = []
        for column in self.columns:
            if found and found[-1][0] == column.group:
                found[-1] = column.group, found[-1][1] + 1
            else:
                found.append((column.group, 1))
        return found


Show = Callable[[ShownNetwork], tuple[str, float | None, str]]
"""Text, what it is sorted by, and what is added in small letters."""


def leaderboard(networks: Sequence[ShownNetwork], search_words: str, final_words: str, score: str) -> Board:
    """The table of networks in the order in which they come.

    Args:
        search_words, final_words: the recipes, in words.
        score: what networks were chosen by, where that is no predicted accuracy; "" where it is.
    """
    by_search = f"by the search's recipe: {search_words}" if search_words else "by the search's recipe"
    by_final = f"by the final recipe: {final_words}" if final_words else "by the final recipe"
    said = score or "predicted"
    every: list[tuple[BoardColumn, Show]] = [
        (BoardColumn("from", "from", help="Where it comes from."), lambda one: (one.role, None, "")),
        (BoardColumn("predicted", said, by_search, help="Said before anything was trained."),
         _predicted),
        (BoardColumn("reach", "extrapolates", by_search, help="How far the prediction reaches beyond experience."),
         _reach),
        (BoardColumn("trained", "trained", by_search, help="On validation images, which choose networks."),
         lambda one: _trained(one, one.search)),
        (BoardColumn("test", "test", by_search, help="On test images, which choose nothing."),
         lambda one: _test(one.search)),
        (BoardColumn("final", "trained", by_final, help="On validation images, by the final recipe."),
         lambda one: ("", None, "") if one.final is None else _trained(one, one.final)),
        (BoardColumn("final-test", "test", by_final, help="On test images, looked at once, for the best alone."),
         lambda one: _test(one.final)),
        (BoardColumn("parameters", "parameters"), lambda one: _cost(one, "parameters")),
        (BoardColumn("multiply-adds", "multiply-adds", help="For one image of the search's recipe."),
         lambda one: _cost(one, "multiply_adds")),
        (BoardColumn("memory", "activation bytes", hidden=True, help="For one image."),
         lambda one: _cost(one, "activation_bytes")),
        (BoardColumn("estimated", "ms estimated", help="Latency of a forward pass here, as estimated."),
         lambda one: _milliseconds(one.chosen.latency_seconds if one.chosen else None)),
        (BoardColumn("measured", "ms measured", help="The same, measured when the network was short-listed."),
         lambda one: _milliseconds(one.chosen.measured_latency_seconds if one.chosen else None)),
        (BoardColumn("seconds", "seconds", hidden=True, help="Of training by the search's recipe."),
         _seconds),
        (BoardColumn("epochs", "epochs", hidden=True, help="Trained by the search's recipe."),
         _epochs),
    ]  # fmt: skip
    shown = {column.key: [show(one) for one in networks] for column, show in every}
    columns = [column for column, _ in every if any(text for text, _, _ in shown[column.key])]
    rows = [
        (one, tuple(BoardCell(column.key, column.label, column.hidden, *shown[column.key][at]) for column in columns))
        for at, one in enumerate(networks)
    ]
    return Board(tuple(columns), tuple(rows))


def _predicted(one: ShownNetwork) -> tuple[str, float | None, str]:
    chosen = one.chosen
    if chosen is None or chosen.predicted is None:
        value = one.predicted if chosen is None else chosen.score
        return ("" if value is None else f"{value:.4g}", value, "")
    ends = "" if chosen.lower is None or chosen.upper is None else f"{chosen.lower:.3f} to {chosen.upper:.3f}"
    return f"{chosen.predicted:.3f}", chosen.predicted, ends


def _reach(one: ShownNetwork) -> tuple[str, float | None, str]:
    if one.chosen is None:
        return "", None, ""
    return extrapolates(one.chosen.extrapolation, one.chosen.distance), one.chosen.distance, ""


def _seconds(one: ShownNetwork) -> tuple[str, float | None, str]:
    seconds = one.search.seconds if one.search is not None else 0.0
    return (f"{seconds:.1f}", seconds, "") if seconds else ("", None, "")


def _epochs(one: ShownNetwork) -> tuple[str, float | None, str]:
    epochs = len(one.search.curve) if one.search is not None else 0
    return (str(epochs), float(epochs), "") if epochs else ("", None, "")


def _trained(one: ShownNetwork, training: ShownTraining | None) -> tuple[str, float | None, str]:
    if training is None:
        return one.state, None, ""
    if training.accuracy is None:
        return training.status, None, ""
    balanced = "" if training.balanced is None else f"balanced {training.balanced:.3f}"
    return f"{training.accuracy:.3f}", training.accuracy, balanced


def _test(training: ShownTraining | None) -> tuple[str, float | None, str]:
    if training is None or training.test_accuracy is None:
        return "", None, ""
    balanced = "" if training.test_balanced is None else f"balanced {training.test_balanced:.3f}"
    return f"{training.test_accuracy:.3f}", training.test_accuracy, balanced


def _cost(one: ShownNetwork, name: str) -> tuple[str, float | None, str]:
    if one.chosen is None:
        return "", None, ""
    value = float(getattr(one.chosen, name))
    return scaled(value), value, ""


def _milliseconds(seconds: float | None) -> tuple[str, float | None, str]:
    return ("", None, "") if seconds is None else (f"{1000 * seconds:.2f}", 1000 * seconds, "")
