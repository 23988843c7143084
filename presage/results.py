"""What predictions and trainings come to: lists of rows, shown as tables by a notebook, and data frames on demand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, SupportsIndex, TypeVar, overload

from presage.display import accuracies, extrapolates, html_table, interval_picture, paragraphs, scaled, table
from presage.steps.fits import LearnedFrom
from presage.steps.prediction import Predicted
from presage.steps.training import Trained

if TYPE_CHECKING:
    from presage.search.early_stopped import Savings

__all__ = ["PredictedRows", "TrainedRows"]

Row = TypeVar("Row", bound=Predicted | Trained)


class _Rows(list[Row], Generic[Row]):
    """Rows in the order asked; a slice of them is one of these too.

    Args:
        rows: one a network.
        recipe_words: the recipe that all of it is about, in words.
        notes: what is to be known of all rows, a line each.
    """

    header: ClassVar[tuple[str, ...]]
    kind: ClassVar[type[Predicted | Trained]]

    def __init__(self, rows: Iterable[Row] = (), recipe_words: str = "", notes: Sequence[str] = ()) -> None:
        super().__init__(rows)
        self.recipe_words = recipe_words
        self.notes = tuple(notes)

    @overload
    def __getitem__(self, place: SupportsIndex) -> Row: ...
    @overload
    def __getitem__(self, place: slice) -> Self: ...
    def __getitem__(self, place: SupportsIndex | slice) -> Row | Self:
        if isinstance(place, slice):
            return type(self)(super().__getitem__(place), self.recipe_words, self.notes)
        return super().__getitem__(place)

    def to_frame(self) -> Any:
        """A row each, with all fields as columns: a `pandas.DataFrame` where pandas is installed, else a DuckDB
        relation, which all that reads Arrow takes (``polars.DataFrame(frame)``)."""
        from presage.database.frames import frame

        names = [field.name for field in fields(self.kind)]
        return frame(names, [[getattr(row, name) for name in names] for row in self])

    def cells(self, row: Row) -> tuple[str, ...]:
        """What a table says of one row, under `header`."""
        raise NotImplementedError

    def _said(self) -> list[str]:
        of_rows = [f"{row.name}: {'; '.join(row.notes)}." for row in self if row.notes]
        return [*([f"Recipe: {self.recipe_words}."] if self.recipe_words else []), *self.notes, *of_rows]

    def __repr__(self) -> str:
        if not self:
            return f"{type(self).__name__}([])"
        return "\n".join([table(self.header, map(self.cells, self)), *self._said()])

    def _repr_html_(self) -> str:
        return html_table(self.header, map(self.cells, self)) + paragraphs(self._said())


class PredictedRows(_Rows[Predicted]):
    """*Predicted* accuracies of networks on a dataset, a `Predicted` each.

    Attributes:
        learned_from: how many experiments the predictor was fitted to, and told since; None of a slice.
    """

    kind = Predicted
    header = ("network", "predicted", "interval", "extrapolates", "trained", "parameters", "multiply-adds")
    learned_from: LearnedFrom | None = None

    @classmethod
    def of(
        cls, rows: Sequence[Predicted], recipe_words: str, notes: Sequence[str], learned_from: LearnedFrom | None
    ) -> PredictedRows:
        """Rows with what they rest on."""
        found = cls(rows, recipe_words, notes)
        found.learned_from = learned_from
        return found

    @property
    def best(self) -> Predicted:
        """The row with the highest predicted accuracy."""
        return max(self, key=lambda row: row.accuracy)

    def cells(self, row: Predicted) -> tuple[str, ...]:
        return (
            row.name,
            f"{row.accuracy:.3f}",
            f"{row.lower:.3f} to {row.upper:.3f}",
            extrapolates(row.extrapolation, row.distance),
            accuracies(row.trained, None),
            scaled(row.parameters),
            scaled(row.multiply_adds),
        )

    def _said(self) -> list[str]:
        return [*super()._said(), *([] if self.learned_from is None else [self.learned_from.words])]

    def _repr_html_(self) -> str:
        if not self:
            return html_table(self.header, ())
        ends = [end for row in self for end in (row.lower, row.upper, row.trained) if end is not None]
        axis = (min(ends), max(ends))
        pictures = [interval_picture(row.lower, row.accuracy, row.upper, axis, row.trained) for row in self]
        cells = [(*told[:3], picture, *told[3:]) for told, picture in zip(map(self.cells, self), pictures, strict=True)]
        header = (*self.header[:2], f"{self[0].level:.0%} interval", "", *self.header[3:])
        return html_table(header, cells) + paragraphs(self._said())


class TrainedRows(_Rows[Trained]):
    """*Trained* accuracies of networks on a dataset, a `Trained` each.

    Attributes:
        early_stopping: what ending hopeless trainings came to; None where none were to be ended, and of a slice.
    """

    kind = Trained
    header = ("network", "trained (validation)", "test", "parameters", "multiply-adds", "seconds")
    early_stopping: Savings | None = None

    @classmethod
    def of(cls, rows: Sequence[Trained], stopped_under: int | None) -> TrainedRows:
        """Rows by one recipe; where trainings were to be ended early, `stopped_under` is its number of epochs."""
        from presage.search.early_stopped import savings

        found = cls(rows, rows[0].recipe_words if rows else "")
        if stopped_under is not None:
            ended = [row.stopped for row in rows if row.stopped is not None]
            found.early_stopping = savings(ended, sum(not row.reused for row in rows), stopped_under)
        return found

    def cells(self, row: Trained) -> tuple[str, ...]:
        return (
            row.name + (" (known already)" if row.reused else ""),
            accuracies(row.accuracy, row.balanced_accuracy, none=row.status),
            accuracies(row.test_accuracy, row.test_balanced_accuracy),
            scaled(row.parameters),
            scaled(row.multiply_adds),
            f"{row.seconds:.1f}",
        )

    def _said(self) -> list[str]:
        return [*super()._said(), *([] if self.early_stopping is None else [self.early_stopping.words])]
