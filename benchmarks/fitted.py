"""Fits the default predictor to the shipped experience and puts it where presage ships it: ``make fitted``.

Needed after the seed (`database/seed`) or anything that learns or encodes has changed; a test says so. Where what is
shipped is still true nothing is done. A fit takes minutes of a core.

    python benchmarks/fitted.py            # fit anew where needed
    python benchmarks/fitted.py --check    # only say whether it is needed: exit code 1
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import presage.surrogate
from presage.database import Database
from presage.progress import ProgressBars
from presage.session import Session
from presage.steps.prediction import read_experience
from presage.surrogate import get_predictor
from presage.surrogate.predictors.cache import SHIPPED, cache_key
from presage.surrogate.predictors.storage import load_predictor, save_predictor

FOLDER = Path(presage.surrogate.__file__).resolve().parent / SHIPPED
MOST_BYTES = 10_000_000
"""Of what is shipped: the whole package data stays under 12 MB."""
DIFFERS = 1e-6
"""Accuracy, between the predictor just fitted and the same read back."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say whether a fit is needed")
    options = parser.parse_args()
    predictor = get_predictor(Session().predictor)
    with tempfile.TemporaryDirectory() as folder:
        with Database.open(Path(folder) / "shipped.duckdb", from_seed=True) as database:
            name = cache_key(predictor, database.content_hash())
            there = [path.name for path in FOLDER.iterdir()] if FOLDER.is_dir() else []
            if there == [name]:
                print(f"Up to date: {name}")
                return 0
            print(f"Shipped: {', '.join(there) or 'none'}; needed: {name}", file=sys.stderr)
            if options.check:
                return 1
            experience = read_experience(database)
        with ProgressBars() as progress:
            predictor.fit(experience, progress=lambda done, total: progress("fit", done, total))
        draft = Path(folder) / name
        save_predictor(predictor, draft, name.encode())
        again = load_predictor(draft, name.encode())
        for task in experience.tasks[:: max(1, len(experience.tasks) // 8)]:
            one, other = (each.predict(experience.graphs.take(np.arange(200)), task) for each in (predictor, again))
            for column in ("value", "lower", "upper"):
                np.testing.assert_allclose(getattr(other, column), getattr(one, column), rtol=0, atol=DIFFERS)
        size = sum(file.stat().st_size for file in draft.iterdir())
        if size > MOST_BYTES:
            print(f"The predictor must take at most {MOST_BYTES:,} bytes. Got {size:,}.", file=sys.stderr)
            return 1
        shutil.rmtree(FOLDER, ignore_errors=True)
        shutil.copytree(draft, FOLDER / name)
    print(f"{name}: {size:,} bytes, fitted to {len(experience):,} experiments")
    return 0


if __name__ == "__main__":
    sys.exit(main())
