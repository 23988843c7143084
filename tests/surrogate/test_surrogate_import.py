"""The door of the package is light, and everything behind it opens."""

from __future__ import annotations

import subprocess
import sys

from presage import surrogate


def test_importing_it_loads_nothing_heavy() -> None:
    code = (
        "import sys; from presage.surrogate import Prediction, Task, Experience, evaluate, get_predictor;"
        "heavy = {'torch', 'lightgbm', 'sklearn', 'scipy', 'duckdb'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_every_public_name_is_there() -> None:
    for name in surrogate.__all__:
        assert getattr(surrogate, name) is not None
