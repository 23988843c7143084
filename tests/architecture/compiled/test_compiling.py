"""Whether kernels can be compiled here; numba itself need not be installed for these."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from presage.architecture.compiled.compiling import FEW, SWITCH


def test_a_numba_that_does_not_load_leaves_everything_to_numpy(tmp_path: Path) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise ImportError('Numba needs NumPy 2.3 or less. Got NumPy 9.')")
    code = f"""
import numpy as np
from presage.architecture.compiled.compiling import is_available
from presage.architecture.spaces import get_space
from presage.search.sameness import network_keys
from presage.surrogate.data.encoding import Inputs
from presage.surrogate.testing import synthetic_task
space = get_space("chain")
graphs = space.decode_batch(space.sample({FEW}, np.random.default_rng(0)))
found = [Inputs(graphs, synthetic_task(1), compiled=compiled) for compiled in (True, False)]
np.testing.assert_array_equal(found[0].features, found[1].features)
print(is_available(), len(found[0].sequence.layers) > 0, len(network_keys(graphs)))
"""
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    environment = {name: value for name, value in os.environ.items() if name != SWITCH} | {"PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"True True {FEW}"  # installed, but no more
