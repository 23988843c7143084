"""presage against what a user would write instead, at the same processor time; test accuracy, everything counted.

    python benchmarks/rivals.py DATASET... --out FOLDER --budget 10m [--only presage,ten_line] [--threads 1]

For each dataset: `presage search --budget`, with a database of its own, as a user's first search (the processor time of
the whole command, C seconds); `presage search` by the recipe `quick` alone, with nothing after the short-list (its own
time); a ten-line CNN for C seconds each at 16, 32 and 64 pixels, of which validation chooses; torchvision's resnet18
from scratch at 64 pixels for C seconds; a linear SVM on histograms of gradients and colours. The rivals are mirrored
where a person knows that it is right (`STRAIGHT` are not), which presage has to find out. Seconds are of processor
time, so that a loaded machine matters little; what `--budget` means to presage is wall-clock. Whatever is finished is a
line in FOLDER/rivals.jsonl and is not run again. A table in Markdown goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from presage.output import table

STRAIGHT = ("digits", "letters", "mnist", "semeion", "hiragana", "omniglot", "gtsrb", "asl")
"""Parts of the names of datasets whose images must not be mirrored; `fashion_mnist` may."""

DATABASE = "experience.duckdb"
SIDES = (16, 32, 64)
RIVALS = ("presage", "quick", "ten_line", "resnet18", "hog_svm")


def mirrored(name: str) -> bool:
    """Whether a person would mirror these images."""
    return "fashion" in name or not any(word in name for word in STRAIGHT)


def searched(dataset: str, words: Sequence[str], folder: Path, threads: int, warm: Path | None) -> dict[str, Any]:
    """One search in a process of its own: the test accuracy of what it ends with, and its processor time."""
    folder.mkdir(parents=True, exist_ok=True)
    if warm is not None and not (folder / DATABASE).exists():
        shutil.copy(warm, folder / DATABASE)
        shutil.copytree(warm.parent / f"{warm.stem}-cache", folder / f"{Path(DATABASE).stem}-cache")
    command = [sys.executable, "-m", "presage", "search", dataset, "--run", str(folder / "run"), "--json", "--quiet"]
    command += ["--database", str(folder / DATABASE), *words]
    before, began = _children(), time.monotonic()
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    answer = json.loads(ended.stdout) if ended.stdout else {}
    if "rounds" not in answer:
        raise SystemExit(f"presage search {dataset}: {answer.get('message', ended.stderr)}")
    final = answer.get("final") or {}
    last = next((one for one in final.get("trainings") or () if one["test_accuracy"] is not None), None)
    alone = None if last is None else last["test_accuracy"]
    if last is not None and final.get("ensemble"):
        last = {**last, **final["ensemble"]}
    verified = [one for round_ in answer["rounds"] for one in round_["verified"] if one["accuracy"] is not None]
    best = last or max(verified, key=lambda one: one["accuracy"], default={"accuracy": None, "test_accuracy": None})
    return {
        "validation": best["accuracy"], "test": best["test_accuracy"], "cpu": _children() - before,
        "seconds": time.monotonic() - began, "plan": answer.get("plan"),
        "what": last["recipe_words"] if last else answer.get("recipe_words", ""), "alone": alone,
    }  # fmt: skip


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def model(dataset: str, rival: str, seconds: float, threads: int) -> dict[str, Any]:
    """One rival in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_model, (dataset, rival, seconds, threads))


def _model(dataset: str, rival: str, seconds: float, threads: int) -> dict[str, Any]:
    import rival_models as models
    import torch

    from presage.training import load_dataset

    torch.set_num_threads(threads)
    read, flip = load_dataset(dataset), mirrored(Path(dataset).stem)
    if rival == "hog_svm":
        return asdict(models.hog_svm(read))
    if rival == "resnet18":
        return asdict(models.trained(read, models.resnet18, 64, seconds, mirrored=flip))
    runs = [models.trained(read, models.ten_line, side, seconds, mirrored=flip) for side in SIDES]
    return {**asdict(max(runs, key=lambda run: run.validation)), "all": [asdict(run) for run in runs]}


def measure(dataset: str, options: argparse.Namespace, rows: list[dict[str, Any]]) -> None:
    """Whatever is missing of one dataset; each outcome is appended to the file as it comes."""
    name = Path(dataset).stem
    folder: Path = options.out / f"{name}-{options.budget}"

    def run(rival: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any] | None:
        found = next((row for row in rows if _key(row) == (name, options.budget, rival)), None)
        if found is not None or rival not in options.only:
            return found
        print(f"{name}: {rival} …", file=sys.stderr, flush=True)
        row = {"dataset": name, "budget": options.budget, "rival": rival, "load": os.getloadavg()[0], **work()}
        rows.append(row)
        with (options.out / "rivals.jsonl").open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(row) + "\n")
        return row

    extra = shlex.split(options.presage)

    def search(kind: str, *words: str) -> dict[str, Any] | None:
        return run(kind, lambda: searched(dataset, words, folder / kind, options.threads, options.warm))

    own = search("presage", "--budget", options.budget, *extra)
    search("quick", "--final", "0", "--recipe", "quick")
    run("hog_svm", lambda: model(dataset, "hog_svm", 0.0, options.threads))
    if own is not None:
        for rival in ("ten_line", "resnet18"):
            run(rival, partial(model, dataset, rival, own["cpu"], options.threads))


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["dataset"], row["budget"], row["rival"]


def report(rows: list[dict[str, Any]], budget: str) -> str:
    """Test accuracies by dataset, the best rival, and how far presage is before it."""
    by = {(row["dataset"], row["rival"]): row for row in rows if row["budget"] == budget}
    lines, ahead = [], []
    for name in dict.fromkeys(row["dataset"] for row in rows if row["budget"] == budget):
        tests = {rival: by[name, rival]["test"] for rival in RIVALS if (name, rival) in by}
        others = [value for rival, value in tests.items() if rival != "presage"]
        difference = tests["presage"] - max(others) if "presage" in tests and others else None
        ahead += [] if difference is None else [difference]
        cpu = by[name, "presage"]["cpu"] if "presage" in tests else float("nan")
        cells = [f"{tests[rival]:.3f}" if rival in tests else "" for rival in RIVALS]
        lines.append((name, f"{cpu:.0f}", *cells, "" if difference is None else f"{100 * difference:+.1f}"))
    told = table(("dataset", "CPU s", *RIVALS, "points before the best rival"), lines)
    if not ahead:
        return told
    wins = sum(value > 0 for value in ahead)
    return f"{told}\n\nBest on {wins} of {len(ahead)}, {100 * sum(ahead) / len(ahead):+.1f} points in the mean."


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget", default="10m")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", default=",".join(RIVALS), help="rivals to run (default: all)")
    parser.add_argument("--presage", default="", metavar="OPTIONS", help="more options of `presage search --budget`")
    parser.add_argument(
        "--warm", type=Path, metavar="DATABASE",
        help="begin every search with a copy of this database and its cache, where the predictor is fitted already",
    )  # fmt: skip
    options = parser.parse_args()
    options.only = options.only.split(",")
    options.out.mkdir(parents=True, exist_ok=True)
    kept = options.out / "rivals.jsonl"
    rows = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()] if kept.exists() else []
    for dataset in options.datasets:
        measure(dataset, options, rows)
    print(report(rows, options.budget))


if __name__ == "__main__":
    main()
