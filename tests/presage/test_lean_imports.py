"""A command's LightGBM loads nothing that presage has no use for, and stands in nobody's way."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

SCRIPT = """
import sys
from presage.lean_imports import _APART, load_lightgbm_alone
before = list(sys.meta_path)
load_lightgbm_alone()
import lightgbm
assert [name for name in _APART if name in sys.modules] == []
assert sys.meta_path == before
assert type(lightgbm.__spec__.loader).__module__ == "_frozen_importlib_external"
import numpy as np
data = lightgbm.Dataset(np.arange(40.0)[:, None], np.arange(40) % 2, params={"verbose": -1})
booster = lightgbm.train({"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2}, data, 2)
assert booster.predict(np.arange(3.0)[:, None]).shape == (3,)
import sklearn.base  # as ever
load_lightgbm_alone()
assert sys.meta_path == before
"""


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="done on x86-64 alone")
def test_lightgbm_is_loaded_alone_and_others_afterwards_as_ever() -> None:
    found = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
