"""Recurrent cells by *predicted* score: an Optuna study that trains nothing, and the short-list that it ends with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
import optuna

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.spaces import CellSpace
from presage.architecture.spaces.codes import Choice
from presage.errors import InvalidArgument
from presage.files import write_json
from presage.reading import read_json
from presage.search.recurrent.strategies import cell_sampler
from presage.surrogate.cells.predictor import CellPrediction, CellPredictor

__all__ = ["PredictedCell", "asked_params", "predicted_cells", "predicted_in", "short_list"]

_FILE = "predicted.json"


@dataclass(frozen=True)
class PredictedCell:
    """A cell that was scored and not trained.

    Attributes:
        cell: its hash.
        params: its parameters in the space.
        value: *predicted* bits a symbol as a share above a GRU's; the lower the better.
        lower, upper: interval; None where none can be promised.
        diverges: predicted probability that a training diverges.
        expected: what cells are chosen by (`CellPrediction.expected`).
    """

    cell: str
    params: dict[str, Choice]
    value: float
    lower: float | None
    upper: float | None
    diverges: float
    expected: float

    @classmethod
    def of(cls, cell: RecurrentCell, params: dict[str, Choice], told: CellPrediction) -> PredictedCell:
        """Of the prediction of this cell alone."""
        lower, upper = (float(end[0]) if np.isfinite(end[0]) else None for end in (told.lower, told.upper))
        value, diverges, expected = (float(one[0]) for one in (told.value, told.diverges, told.expected))
        return cls(cell.hash, params, value, lower, upper, diverges, expected)

    @property
    def told(self) -> dict[str, float | None]:
        """What was predicted."""
        return {name: value for name, value in asdict(self).items() if name not in ("cell", "params")}


def predicted_cells(
    space: CellSpace,
    predictor: CellPredictor,
    *,
    strategy: str,
    candidates: int,
    seed: int,
    on_candidate: Callable[[int], None] | None = None,
) -> list[PredictedCell]:
    """What a strategy proposes when it is told predictions: different cells, the best first. One seed gives one result.

    Args:
        strategy: one of `ONE_BY_ONE`.
        candidates: how many it proposes; a cell that it proposes twice is scored once.
        on_candidate: told how many are scored.
    """
    optuna.logging.set_verbosity(logging.WARNING)
    study = optuna.create_study(sampler=cell_sampler(strategy, seed, candidates), direction="minimize")
    found: dict[str, PredictedCell] = {}
    for number in range(candidates):
        trial = study.ask()
        params = asked_params(trial, space)
        cell = space.cell(params)
        if cell.hash not in found:
            found[cell.hash] = PredictedCell.of(cell, params, predictor.predict([cell]))
        study.tell(trial, found[cell.hash].expected)
        if on_candidate is not None:
            on_candidate(number + 1)
    return sorted(found.values(), key=lambda one: one.expected)


def predicted_in(
    run_folder: Path,
    space: CellSpace,
    predictor: CellPredictor,
    *,
    strategy: str,
    candidates: int,
    seed: int,
    on_candidate: Callable[[int], None] | None = None,
) -> list[PredictedCell]:
    """As `predicted_cells`, put down in a run folder; what the same predictor put down there is read.

    Raises:
        InvalidArgument: the file in the folder is damaged.
    """
    path = run_folder / _FILE
    of = {"candidates": candidates, "predictor": predictor.told}
    kept = read_json(path)
    if isinstance(kept, Mapping) and all(kept.get(name) == value for name, value in of.items()):
        try:
            return [PredictedCell(**one) for one in kept["cells"]]
        except (KeyError, TypeError):
            rule = "hold what the search wrote"
            raise InvalidArgument("run", "presage text search", rule, str(path), "Delete the file.") from None
    found = predicted_cells(
        space, predictor, strategy=strategy, candidates=candidates, seed=seed, on_candidate=on_candidate
    )
    write_json(path, {**of, "cells": [asdict(one) for one in found]})
    return found


def short_list(cells: Sequence[PredictedCell]) -> list[PredictedCell]:
    """The order in which they are worth a training: the best first, those that are predicted the same as an earlier
    one, and so look the same to the predictor, after all others."""
    seen: set[float] = set()
    first, again = list[PredictedCell](), list[PredictedCell]()
    for one in cells:
        (again if one.expected in seen else first).append(one)
        seen.add(one.expected)
    return first + again


def asked_params(trial: optuna.Trial, space: CellSpace) -> dict[str, Choice]:
    """The parameters of a trial in a space."""
    return {one.name: cast(Choice, trial.suggest_categorical(one.name, one.choices)) for one in space.parameters}
