"""Recurrent cells found by a search beside published ones, at equal size and equal training.

    python benchmarks/cells.py text:FILE... --out FOLDER [--space rnn_enas:nodes=6] [--without NAME...]

On each text the searches of `SEARCHES` train as many cells each (`--trainings`) by the recipe of the probe, seed 0, and
name the one that is best on the validation text. It and the published cells are then trained by a longer recipe
(`FINAL`) with `--seeds` others, so that no seed that chose a cell judges it. Searches by prediction know nothing of the
text, nor of those that `--without` names (texts like it). Every training is a line in --out: stopped at any time and
repeated, the benchmark goes on where it was. Seconds are the processor's, those of an interrupted search since it was
taken up.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.published import published
from presage.architecture.recurrent.registry import get_cell_space
from presage.database import Database
from presage.files import trim
from presage.output import table
from presage.probe.text_probe import TEXT_PROBE_RECIPE
from presage.search.recurrent.trained import search_cells
from presage.surrogate.cells.experience import load_cells
from presage.surrogate.cells.predictor import CellPredictor
from presage.training.hardware import one_thread
from presage.training.text.fitting import train_text
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData, load_text

FINAL = TextRecipe(
    epochs=6, batch=32, sequence_length=48, parameters=50_000, embedding=24, learning_rate=0.006,
    train_symbols=60_000, validation_symbols=12_000,
)  # fmt: skip
PUBLISHED = ("lstm", "gru", "enas", "darts_v2")
SEARCHES = {
    "random": ("random", 0, ""),
    "enas, shared weights": ("enas", 0, ""),
    "random, trees": ("random", 0, "rnn_tree"),
    "random of 60 by prediction, trees": ("random", 60, "rnn_tree"),
    "random by prediction": ("random", 500, ""),
    "evolution by prediction": ("evolution", 500, ""),
    "evolution by prediction, trees": ("evolution", 500, "rnn_tree"),
}
"""Name → strategy, cells that are scored by prediction (0: every one is trained), and a space of its own."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("texts", nargs="+", metavar="TEXT")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--space", default="rnn_enas:nodes=6")
    parser.add_argument("--trainings", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], metavar="NAME")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    lines = Lines(options.out / "lines.jsonl")
    with one_thread():
        for source in options.texts:
            data = load_text(source)
            for name in PUBLISHED:
                final(lines, data, name, published(name), options.seeds)
            for name in SEARCHES:
                final(lines, data, name, searched(lines, data, name, options), options.seeds)
            report(lines, data)


class Lines:
    """What was measured, a line each, by what it is of."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if path.exists():
            trim(path)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]

    def known_or(self, of: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The line of this, measured where there is none, with the processor's seconds."""
        for row in self.rows:
            if of.items() <= row.items():
                return row
        began = time.process_time()
        row = {**of, **measure(), "seconds": round(time.process_time() - began, 1)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)
        print(row, file=sys.stderr, flush=True)
        return row


def searched(lines: Lines, data: TextData, name: str, options: argparse.Namespace) -> RecurrentCell:
    """The best cell of a search, by the validation text."""
    strategy, scored, own = SEARCHES[name]
    space = get_cell_space(own or options.space)

    def search() -> dict[str, Any]:
        predictor = predictor_without(data, options.without) if scored else None
        found = search_cells(
            data, space, TEXT_PROBE_RECIPE, strategy=strategy, candidates=scored or options.trainings, seed=0,
            run_folder=options.out / f"{Path(data.name).stem}-{name.replace(', ', '-').replace(' ', '-')}",
            store=lambda _: None, progress=lambda *_: None, predictor=predictor,
            shortlist=options.trainings if scored else None,
        )  # fmt: skip
        best = found[0]
        every = {"values": [one.value for one in found], "predicted": [one.predicted for one in found]}
        return {"params": best.params, "value": best.value, "test": best.test_value, **every}

    of = {"text": data.name, "search": name, "space": space.name, "trainings": options.trainings}
    return space.cell(lines.known_or(of, search)["params"])


def predictor_without(data: TextData, names: Sequence[str]) -> CellPredictor:
    """Fitted to the shipped experience without this text, and those of these names."""
    with TemporaryDirectory() as scratch, Database.open(Path(scratch) / "cells.duckdb", from_seed=True) as database:
        like = [one.fingerprint for one in database.texts() if one.name in names]
        return CellPredictor().fit(load_cells(database, without=(data.fingerprint, *like)))


def final(lines: Lines, data: TextData, name: str, cell: RecurrentCell, seeds: int) -> None:
    """Train a cell by the longer recipe with seeds 1, 2, …"""
    for seed in range(1, 1 + seeds):

        def train(seed: int = seed) -> dict[str, Any]:
            found = train_text(data, cell, FINAL, seed)
            return {"value": found.value, "test": found.test_value, "hidden": found.hidden}

        lines.known_or({"text": data.name, "final": name, "cell": cell.hash, "seed": seed}, train)


def report(lines: Lines, data: TextData) -> None:
    """The table of a text: means over seeds, the best on validation first."""
    rows: list[tuple[float, tuple[str, ...]]] = []
    for name in (*PUBLISHED, *SEARCHES):
        found = [row for row in lines.rows if row["text"] == data.name and row.get("final") == name]
        search = [row for row in lines.rows if row["text"] == data.name and row.get("search") == name]
        finished = [row for row in found if row["value"] is not None]
        if not finished:
            continue
        value, test = (np.array([row[of] for row in finished]) for of in ("value", "test"))
        told = (
            f"{value.mean():.3f} ± {value.std(ddof=min(1, len(value) - 1)):.3f}",
            f"{test.mean():.3f}",
            f"{len(finished)} of {len(found)}",
            str(found[0]["hidden"]),
            f"{np.mean([row['seconds'] for row in found]):.0f}",
            *((f"{search[0]['value']:.3f}", f"{search[0]['seconds']:.0f}") if search else ("", "")),
        )
        rows.append((float(value.mean()), (name, *told)))
    columns = ("validation", "test", "finished", "width", "seconds", "short training", "seconds of the search")
    print(table((data.name, *columns), [row for _, row in sorted(rows)]), flush=True)


if __name__ == "__main__":
    main()
