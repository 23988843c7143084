"""Whether searches keep to their budgets: kept / asked, on datasets and budgets; for a machine with nothing else to do.

    python benchmarks/budget.py DATASET... --out FOLDER [--budgets 2m,10m,30m] [--predictor ensemble]

Each search is a process of its own with a database of its own, as a user's first would be. Whatever is finished is kept
in the folder and not run again. A table in Markdown goes to stdout; within 15 % is what presage promises.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from presage.output import clock, duration, table


def searched(dataset: str, budget: str, folder: Path, predictor: str) -> dict[str, Any]:
    """One search, run now or read: seconds by the clock, and what came of it."""
    done = folder / "measured.json"
    if done.exists():
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return found
    folder.mkdir(parents=True, exist_ok=True)
    words = ["search", dataset, "--budget", budget, "--run", str(folder / "run"), "--predictor", predictor]
    words += ["--database", str(folder / "experience.duckdb"), "--json", "--quiet"]
    began, load = time.monotonic(), os.getloadavg()[0]
    ended = subprocess.run([sys.executable, "-m", "presage", *words], capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    answer = json.loads(ended.stdout) if ended.stdout else {"message": ended.stderr}
    trainings = answer.get("final", {}).get("trainings") or [{}]
    measured = {
        "dataset": dataset, "budget": duration(budget), "seconds": seconds, "load": load, "code": ended.returncode,
        "planned": answer.get("plan", {}).get("seconds"), "told": answer.get("message"),
        "trained": sum(len(one["verified"]) for one in answer.get("rounds", ())),
        "final": trainings[0].get("accuracy"), "test": trainings[0].get("test_accuracy"),
        "epochs": trainings[0].get("recipe", {}).get("epochs"),
    }  # fmt: skip
    if ended.returncode in (0, 2):
        done.write_text(json.dumps(measured), encoding="utf-8")
    return measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budgets", default="2m,10m,30m")
    parser.add_argument("--predictor", default="ensemble")
    options = parser.parse_args()
    rows = []
    for dataset in options.datasets:
        for budget in options.budgets.split(","):
            found = searched(dataset, budget, options.out / f"{Path(dataset).stem}-{budget}", options.predictor)
            planned = "" if found["planned"] is None else clock(found["planned"])
            kept = f"{found['seconds'] / found['budget']:.2f}" if found["code"] == 0 else f"refused: {found['told']}"
            accuracies = ["" if found[name] is None else f"{found[name]:.3f}" for name in ("final", "test")]
            rows.append((
                f"{Path(dataset).stem}, {budget}", planned, clock(found["seconds"]), kept,
                str(found["trained"]), str(found["epochs"] or ""), *accuracies, f"{found['load']:.1f}",
            ))  # fmt: skip
    header = ("search", "planned", "took", "kept/asked", "short-list", "final epochs", "final", "test", "load")
    print(table(header, rows))


if __name__ == "__main__":
    main()
