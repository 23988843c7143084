"""Predictions beyond experience: the matrix of `presage evaluate --matrix`, with the experience of a folder beside.

    python benchmarks/beyond.py [--experience ../shared/experience] [--parts 3] [--predictor kernel-ridge]

Datasets are dealt into parts, and each part leaves the experience whole, alone or together with a recipe, with all
recipes as rich, and with large networks (`surrogate/evaluation/matrix_splits.py`). Means over tasks with at least six
networks; "allowed" is 1.5 times the mean width of 90 % intervals that normal errors of the measured size need.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")  # before NumPy is loaded

from tables import learned_from

from presage.progress import ProgressBars
from presage.surrogate import get_predictor
from presage.surrogate.evaluation.matrix_study import study_matrix

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--experience", type=Path, default=Path("../shared/experience"), help="further experience, Parquet")
parser.add_argument("--parts", type=int, default=3, help="parts that the datasets are dealt into")
parser.add_argument("--predictor", default="kernel-ridge")


def main() -> None:
    arguments = parser.parse_args()
    experience, bars = learned_from(arguments.experience), ProgressBars()
    found = study_matrix(
        experience,
        get_predictor(arguments.predictor),
        folds=arguments.parts,
        progress=lambda done, total: bars("the matrix", done, total),
    )
    bars.close()
    print("\n\n".join(table.text() for table in found.tables()))


if __name__ == "__main__":
    main()
