"""Tables of (parameters → score) as what a search maximises: the networks were scored elsewhere, nothing is trained.

A table is a CSV or Parquet file with one row a network: a column for each parameter of the space, by its name, or one
column `network` (also `arch_str` or `arch`) with the space's own text, a JSON object of the parameters, or one digit
for the choice of each parameter; and a column of scores, larger is better. ``FILE#COLUMN`` names it, ``FILE#-COLUMN``
one that is better the smaller; without, it is `score` or `accuracy`. A network that stands there several times has the
mean; one that does not has no score, and its trial fails.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.architecture.spaces.space import Codes, Space
from presage.database.nasbench201 import DATASETS, mean_accuracies
from presage.database.table_files import TableFile, TableRow, read_table_file
from presage.errors import InvalidArgument, UnknownName, WrongInput
from presage.search.studies.scores import TABLE
from presage.surrogate.predictors.prediction import Prediction

__all__ = ["NASBENCH201", "ScoreTable", "TableLookup", "read_score_table", "table_scorer"]

NASBENCH201 = "nasbench201"
"""The table that the package of the extra `presage[nasbench]` brings; ``nasbench201#cifar100`` names its dataset."""

_SCORES = ("score", "accuracy")
_NETWORKS = ("network", "arch_str", "arch")
_OWNER = "presage search"


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """m networks of a space and their k scores, larger is better.

    Attributes:
        name: of the table, as it was asked for.
        space: whose networks they are.
        codes: (m, p) choices, each network once.
        values: (m, k) scores.
    """

    name: str
    space: Space
    codes: Codes
    values: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, eq=False)
class TableLookup:
    """A table as the scorer of a search (`presage.search.studies.scorer.CodeScorer`)."""

    table: ScoreTable
    _place: dict[bytes, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", {code.tobytes(): at for at, code in enumerate(self.table.codes)})

    @property
    def name(self) -> str:
        """``table:`` and the table's name."""
        return f"{TABLE}{self.table.name}"

    def score_codes(self, codes: Codes) -> Prediction:
        """Scores of (n, p) codes, without an interval; NaN for networks that the table lacks."""
        rows = [self._place.get(code.tobytes(), -1) for code in self.table.space.normalise(codes).astype(np.int64)]
        values = np.append(self.table.values[:, 0], np.nan)[rows]
        return Prediction(values, values.copy(), values.copy(), 0.0)


def table_scorer(score: str, space: Space) -> TableLookup:
    """The scorer of a score such as ``table:FILE#COLUMN``. Raises as `read_score_table`."""
    table = read_score_table(score.removeprefix(TABLE), space)
    if table.values.shape[1] != 1:
        raise InvalidArgument("--score", _OWNER, "name one column of scores", score)
    return TableLookup(table)


def read_score_table(text: str, space: Space) -> ScoreTable:
    """The table of a text: ``nasbench201``, ``nasbench201#DATASET``, ``FILE`` or ``FILE#COLUMN[,COLUMN…]``.

    Raises:
        WrongInput: no such file or column, a row that is no network of the space or whose score is no number (names
            file and row), or the package of `nasbench201` is missing.
    """
    source, _, columns = text.partition("#")
    if source == NASBENCH201 and not Path(source).exists():
        return _nasbench201(text, columns or DATASETS[0], space)
    table = read_table_file(Path(source))
    scores = _score_columns(table, columns)
    scored = [(row, found) for row in table.rows if (found := _values(row, scores)) is not None]
    values = np.array([found for _, found in scored], np.float64).reshape(-1, len(scores))
    return _merged(text, space, _codes(table, [row for row, _ in scored], space), values)


def _merged(name: str, space: Space, codes: Codes, values: NDArray[np.float64]) -> ScoreTable:
    """Each network once, with the mean of its scores."""
    if not len(codes):
        raise InvalidArgument("--score", _OWNER, "be a table with at least one score", name)
    distinct, place, count = np.unique(space.normalise(codes), axis=0, return_inverse=True, return_counts=True)
    total = np.zeros((len(distinct), values.shape[1]))
    np.add.at(total, place.ravel(), values)
    return ScoreTable(name, space, distinct.astype(np.int64), total / count[:, None])


def _nasbench201(name: str, dataset: str, space: Space) -> ScoreTable:
    if space.family != "nb201":
        raise InvalidArgument("--score", _OWNER, "be of the space `nb201`", f"{TABLE}{name}", f"Got {space.name}.")
    found = mean_accuracies(dataset)
    codes = np.array([[int(digit) for digit in digits] for digits in found], np.int64)
    return _merged(name, space, codes, np.array(list(found.values()))[:, None])


def _score_columns(table: TableFile, text: str) -> list[tuple[str, float]]:
    """Names of the columns, and −1 for those that are better the smaller."""
    if not text:
        usual = [name for name in _SCORES if name in table.columns]
        if not usual:
            hint = f"{table.path} has {', '.join(table.columns)}. Name one: {TABLE}{table.path}#COLUMN"
            raise InvalidArgument("--score", _OWNER, f"have a column `{_SCORES[0]}`", str(table.path), hint)
        return [(usual[0], 1.0)]
    found = []
    for part in text.split(","):
        name, sign = (part, 1.0) if part in table.columns else (part.removeprefix("-"), -1.0)
        if name not in table.columns or (sign < 0 and not part.startswith("-")):
            raise UnknownName(f"column of {table.path}", name, table.columns)
        found.append((name, sign))
    return found


def _values(row: TableRow, scores: Sequence[tuple[str, float]]) -> list[float] | None:
    """The row's scores; None where one is empty."""
    if row.problem:
        raise WrongInput(f"{row.where}: {row.problem}")
    found = []
    for name, sign in scores:
        cell = row.cells.get(name)
        if cell is None:
            return None
        try:
            value = float(cell)
        except (TypeError, ValueError):
            value = math.nan
        if not math.isfinite(value):
            raise WrongInput(f"{row.where}: The `{name}` must be a number, or empty. Got {cell!r:.60}.")
        found.append(sign * value)
    return found


def _codes(table: TableFile, rows: Sequence[TableRow], space: Space) -> Codes:
    """(m, p) the choices of each row."""
    names = [parameter.name for parameter in space.parameters]
    places = [{_word(choice): at for at, choice in enumerate(parameter.choices)} for parameter in space.parameters]
    column = next((name for name in _NETWORKS if name in table.columns), "")
    by_name = all(name in table.columns for name in names)
    if not by_name and not column:
        rule = f"have a column for each parameter of {space.name} ({', '.join(names)}), or a column `network`"
        raise InvalidArgument("--score", _OWNER, rule, str(table.path))
    codes = np.empty((len(rows), len(names)), np.int64)
    for at, row in enumerate(rows):
        try:
            given = {name: row.cells.get(name) for name in names} if by_name else _params(row.cells[column], space)
            codes[at] = given if isinstance(given, list) else _code(given, names, places)
        except WrongInput as error:
            raise WrongInput(f"{row.where}: {error}") from None
    bad = np.flatnonzero(~space.valid(codes))
    if len(bad):
        raise WrongInput(f"{rows[bad[0]].where}: These parameters are no network of {space.name}.")
    return codes


def _code(given: Mapping[str, Any], names: Sequence[str], places: Sequence[Mapping[str, int]]) -> list[int]:
    """Choices by the words for them; a parameter that is not given is at its first, as where it is inactive."""
    code = []
    for name, place in zip(names, places, strict=True):
        cell = given.get(name)
        word = next(iter(place)) if cell is None else _word(cell)
        if word not in place:
            raise WrongInput(f"The parameter `{name}` must be one of {', '.join(place)}. Got {word:.40}.")
        code.append(place[word])
    return code


def _params(cell: Any, space: Space) -> Mapping[str, Any] | list[int]:
    """The parameters, or the choices themselves, that one cell names."""
    sizes = space.sizes.tolist()
    text = json.dumps(cell) if isinstance(cell, Mapping) else str(cell).strip()
    if text.startswith("{"):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise WrongInput(f"The network must be a JSON object of parameters. Got {text:.60}.") from None
        unknown = [name for name in found if name not in space.columns]
        if unknown:
            raise UnknownName(f"parameter of {space.name}", unknown[0], space.columns)
        return dict(found)
    if len(text) == len(sizes) and text.isascii() and text.isdecimal():
        digits = [int(digit) for digit in text]
        if all(digit < size for digit, size in zip(digits, sizes, strict=True)):
            return digits
    from_string = getattr(space, "from_string", None)
    if from_string is None:
        rule = "be a JSON object of its parameters, or a digit for the choice of each"
        raise WrongInput(f"A network of {space.name} must {rule}. Got {text:.60}.")
    return dict(from_string(text))


def _word(value: Any) -> str:
    """A choice as text, the same for ``2``, ``2.0`` and ``"2"``."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value).strip()
    return text[:-2] if text.endswith(".0") and text[:-2].isdecimal() else text
