"""Every search strategy on tables of trained accuracies: a table plays the objective, nothing is trained.

    python benchmarks/strategies.py --seeds 20 --out docs/strategies.md --tables \\
        nb201=nb201@../shared/tables/nb201.parquet#c10_val_200ep \\
        nbmacro=nbmacro:NBMacro@../shared/tables/nbmacro.parquet#mean_acc@200 \\
        edgegpu=nb201@edgegpu.parquet#c10_val_200ep,-edgegpu_latency

A table is NAME=SPACE@FILE#COLUMN, where FILE and COLUMN are as for ``presage search --score table:FILE#COLUMN``
(docs/limits.md) and SPACE is one of presage's, or module:Class; two columns are two objectives, and @QUERIES may
follow. Where the columns lie in two files, DuckDB joins them:

    duckdb -c "COPY (SELECT arch_str, c10_val_200ep, edgegpu_latency FROM 'nb201.parquet' JOIN 'nb201_hardware.parquet'
               USING (arch_idx) WHERE dataset = 'cifar10') TO 'edgegpu.parquet'"

One query at a time; a query is a network not asked for before by its code (for NAS-Bench-201 the `arch_str`: cells that
are written differently count as different, though some compute the same). A strategy that asks again is answered, and
pays nothing. A run ends when the best network is found, or all queries are made, or ten times as often was asked. Each
run is one file in --runs: stopped and repeated, the benchmark goes on where it was; the file of a strategy that has
changed since must be deleted by hand. Strategies are those of the registry.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import optuna
from numpy.typing import NDArray
from strategies_plots import best_so_far_plot, hypervolume_plot

from presage.architecture.spaces import get_space
from presage.architecture.spaces.space import Codes, Space
from presage.errors import InvalidArgument, WrongInput
from presage.files import write_json
from presage.search.samplers import OneByOne
from presage.search.samplers.history import History
from presage.search.samplers.progressive import front
from presage.search.samplers.proposer import Proposer
from presage.search.strategies import SAMPLERS, get_proposer
from presage.search.studies.tables import read_score_table

NSGAII_SMALL = "nsgaii, population 10"
"""Optuna's default population of 50 is half of a hundred queries: a rival made for the budget stands beside it."""
HALTS = (25, 50, 100)
"""Queries after which hypervolumes are told."""


@dataclass(frozen=True, eq=False)
class Table:
    """m networks of a space and their values (m, k), larger is better; `queries` is what each run may ask."""

    name: str
    space: Space
    codes: Codes
    values: NDArray[np.float64]
    queries: int

    @property
    def objectives(self) -> int:
        return self.values.shape[1]


@cache
def table(text: str) -> Table:
    """The table of an argument: ``NAME=SPACE@FILE#COLUMN[,COLUMN]`` and, where that is not the usual, ``@QUERIES``."""
    match = re.fullmatch(r"(?P<name>[\w-]+)=(?P<space>[^@]+)@(?P<table>[^@]+)(@(?P<queries>\d+))?", text)
    if match is None:
        raise InvalidArgument("--tables", "benchmarks/strategies.py", "be NAME=SPACE@FILE#COLUMN[@QUERIES]", text)
    found = read_score_table(match["table"], space_of(match["space"]))
    queries = int(match["queries"] or (300 if found.values.shape[1] == 1 else 100))
    return Table(match["name"], found.space, found.codes, found.values, queries)


def space_of(text: str) -> Space:
    """A space by its name, as everywhere, or ``module:Class`` of a space that has none, as ``nbmacro:NBMacro``."""
    module, colon, attribute = text.partition(":")
    if colon and "=" not in attribute:
        space = getattr(importlib.import_module(module), attribute)()
        assert isinstance(space, Space)
        return space
    return get_space(text)


def strategies(objectives: int) -> list[str]:
    """Those of the registry that serve so many objectives."""
    found = [name for name, entry in SAMPLERS.items() if objectives == 1 or entry.several_objectives]
    return [*found, NSGAII_SMALL] if objectives > 1 else found


def proposer(name: str, seed: int, objectives: int) -> Proposer:
    """The strategy as the registry makes it."""
    if name == NSGAII_SMALL:
        return OneByOne(lambda drawn: optuna.samplers.NSGAIISampler(seed=drawn, population_size=10))
    return get_proposer(name, seed, objectives=objectives)


def search(of: Table, strategy: str, seed: int) -> dict[str, Any]:
    """One run: the rows of the table in the order in which they were first asked for."""
    place = {code.tobytes(): row for row, code in enumerate(of.codes)}
    asked, history = proposer(strategy, seed, of.objectives), History(of.codes.shape[1], of.objectives)
    rows: dict[int, None] = {}
    best = of.values[:, 0].max()
    began = time.process_time()
    while len(rows) < of.queries and len(history) < 10 * of.queries:
        proposals = asked.propose(of.space, history, 1, (seed, len(history)))
        code = of.space.normalise(proposals.codes[:1])
        row = place[code[0].tobytes()]
        history.extend(code, of.values[[row]], proposals.marks[:1] or None)
        rows[row] = None
        if of.objectives == 1 and of.values[row, 0] == best:
            break
    seconds = time.process_time() - began
    return {"rows": list(rows), "asked": len(history), "queries": of.queries, "cpu_seconds": round(seconds, 3)}


def piece(text: str, strategy: str, seed: int, folder: Path) -> list[int]:
    """Rows asked for by one run, from its file if there is one."""
    of = table(text)
    path = folder / of.name / f"{re.sub('[^a-z0-9]+', '-', strategy)}-{seed}.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        if (found["queries"], found.get("table")) == (of.queries, text):
            return list(found["rows"])
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    found = {**search(of, strategy, seed), "table": text}
    write_json(path, found)
    return list(found["rows"])


# What the runs say ----------------------------------------------------------------------------------------------------


def best_so_far(of: Table, runs: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """(runs, queries) the best value after each query."""
    found = np.empty((len(runs), of.queries))
    for at, rows in enumerate(runs):
        best = np.maximum.accumulate(of.values[list(rows), 0])
        found[at] = np.concatenate([best, np.full(of.queries - len(best), best[-1])])
    return found


def interval(values: NDArray[np.float64], statistic: Any) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic over runs (the first axis)."""
    numbers = np.random.default_rng(0)
    drawn = [statistic(values[numbers.integers(len(values), size=len(values))]) for _ in range(2000)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def verdict(gain: tuple[float, float]) -> str:
    """Whether an interval of a gain says better, worse or neither."""
    return "yes" if gain[0] > 0 else "no, worse" if gain[1] < 0 else "no"


def single(of: Table, runs: dict[str, list[list[int]]], folder: Path) -> str:
    """Table and plot of a search for the best network."""
    best, queries = of.values[:, 0].max(), of.queries
    curves = {strategy: best_so_far(of, found) for strategy, found in runs.items()}
    halts = (25, 50, 100, queries)
    lines = [
        "| strategy | median queries to the best (95 %) | found it | "
        + " | ".join(f"best after {halt}" for halt in halts)
        + " | beats random |",
        "|---|---|---|" + "---|" * len(halts) + "---|",
    ]
    needed = {
        strategy: np.array([len(rows) if of.values[rows[-1], 0] == best else np.inf for rows in found])
        for strategy, found in runs.items()
    }

    def shown(value: float) -> str:
        return f"{value:.0f}" if value <= queries else f"> {queries}"

    area = {strategy: curve.mean(axis=1) for strategy, curve in curves.items()}
    for strategy in sorted(runs, key=lambda one: (np.median(needed[one]), -area[one].mean())):
        took = needed[strategy]
        low, high = interval(np.minimum(took, queries + 1), np.median)
        gains = curves[strategy][:, -1] - curves["random"][:, -1]
        told = "the baseline" if strategy == "random" else verdict(interval(gains, np.mean))
        after = " | ".join(f"{curves[strategy][:, halt - 1].mean():.2f}" for halt in halts)
        lines.append(
            f"| `{strategy}` | {shown(np.median(took))} ({shown(low)} to {shown(high)}) | "
            f"{np.isfinite(took).mean():.0%} | {after} | {told} |"
        )
    best_so_far_plot(curves, best, of.name, folder / f"{of.name}.png")
    return "\n".join(lines)


def hypervolume(values: NDArray[np.float64], reference: NDArray[np.float64]) -> float:
    """Area that (m, 2) values dominate above the reference."""
    above = values[(values > reference).all(axis=1)]
    along = above[front(above)]
    along = along[np.argsort(-along[:, 0])]
    heights = np.diff(np.concatenate([[reference[1]], along[:, 1]]))
    return float(((along[:, 0] - reference[0]) * heights).sum())


def pareto(of: Table, runs: dict[str, list[list[int]]], folder: Path) -> str:
    """Table and plot of a search for the front of two objectives."""
    reference = np.array([np.median(of.values[:, 0]), of.values[:, 1].min()])
    whole = hypervolume(of.values, reference)

    def share_of(rows: list[int]) -> list[float]:
        return [hypervolume(of.values[rows[:asked]], reference) / whole for asked in range(1, of.queries + 1)]

    shares = {strategy: np.array([share_of(rows) for rows in found]) for strategy, found in runs.items()}
    lines = [
        "| strategy | "
        + " | ".join(f"after {halt}" for halt in HALTS)
        + " (quartiles) | beats random | beats NSGA-II |",
        "|---|" + "---|" * len(HALTS) + "---|---|",
    ]
    rivals = [rival for rival in ("nsgaii", NSGAII_SMALL) if rival in shares]
    for strategy in sorted(shares, key=lambda one: -shares[one][:, -1].mean()):
        share = shares[strategy]
        low, high = np.percentile(share[:, -1], [25, 75])
        told = [
            "–" if strategy in against else min((verdict(_gain(share, shares[one])) for one in against), key=_order)
            for against in (["random"], rivals)
        ]
        after = " | ".join(f"{share[:, halt - 1].mean():.1%}" for halt in HALTS)
        lines.append(f"| `{strategy}` | {after} ({low:.1%} to {high:.1%}) | {told[0]} | {told[1]} |")
    hypervolume_plot(shares, of.name, folder / f"{of.name}.png")
    return "\n".join(lines)


def _gain(share: NDArray[np.float64], other: NDArray[np.float64]) -> tuple[float, float]:
    return interval(share[:, -1] - other[:, -1], np.mean)


def _order(said: str) -> int:
    return ("no, worse", "no", "yes").index(said)


# ----------------------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="runs of each strategy on each table (default 2)")
    parser.add_argument("--tables", nargs="+", required=True, metavar="NAME=SPACE@FILE#COLUMN[@QUERIES]")
    parser.add_argument("--strategies", nargs="+", help="only these")
    parser.add_argument("--runs", type=Path, default=Path("runs/strategies"), help="default runs/strategies")
    parser.add_argument("--jobs", type=int, default=1, help="processes (default 1)")
    parser.add_argument("--out", type=Path, help="page whose measured blocks are written anew, plots beside it")
    arguments = parser.parse_args()
    try:
        chosen = {
            text: [one for one in strategies(table(text).objectives) if one in (arguments.strategies or [one])]
            for text in arguments.tables
        }
    except WrongInput as error:
        parser.error(str(error))
    wanted = [
        (text, strategy, seed)
        for seed in range(arguments.seeds)
        for text in arguments.tables
        for strategy in chosen[text]
    ]
    columns = list(zip(*wanted, strict=True))
    if arguments.jobs > 1:
        with ProcessPoolExecutor(arguments.jobs) as pool:
            done = list(pool.map(piece, *columns, [arguments.runs] * len(wanted)))
    else:
        done = list(map(piece, *columns, [arguments.runs] * len(wanted)))
    if arguments.strategies:
        return  # a part of the work: nothing to compare with
    folder = arguments.out.parent / arguments.out.stem if arguments.out else arguments.runs
    folder.mkdir(parents=True, exist_ok=True)
    text = arguments.out.read_text(encoding="utf-8") if arguments.out else ""
    for asked in arguments.tables:
        of = table(asked)
        runs: dict[str, list[list[int]]] = {strategy: [] for strategy in chosen[asked]}
        for (whose, strategy, _), rows in zip(wanted, done, strict=True):
            if whose == asked:
                runs[strategy].append(rows)
        block = (single if of.objectives == 1 else pareto)(of, runs, folder)
        print(f"{of.name}, {arguments.seeds} seeds\n\n{block}\n")
        text = re.sub(
            rf"(<!-- measured: {of.name} -->\n).*?(<!-- end -->)",
            lambda match, block=block: f"{match[1]}\n{block}\n\n{match[2]}",  # type: ignore[misc]
            text,
            flags=re.DOTALL,
        )
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
