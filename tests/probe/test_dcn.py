from __future__ import annotations

import subprocess
import sys

import pytest

from presage.errors import InvalidArgument
from presage.probe import dcn


def test_dcn_is_the_peak_of_the_curve() -> None:
    assert dcn([0.31, 0.62, 0.58]) == 0.62


def test_only_the_first_ten_epochs_count() -> None:
    assert dcn([0.1] * 9 + [0.5, 0.9]) == 0.5


@pytest.mark.parametrize("curve", [[], [0.5, float("nan")], [1.01], [-0.01], [float("inf")]])
def test_what_is_no_curve_of_accuracies_is_refused(curve: list[float]) -> None:
    with pytest.raises(InvalidArgument, match="`curve` of `dcn`"):
        dcn(curve)


def test_the_door_opens_without_torch() -> None:
    code = (
        "import sys; from presage import probe; probe.dcn([0.5]); probe.PROBE_VERSION; probe.nearest;"
        "print('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_probing_needs_torch_and_numpy_only() -> None:
    code = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"scipy", "sklearn", "pandas", "tqdm", "duckdb", "lightgbm", "optuna", "matplotlib",
                                  "torchvision", "safetensors", "PIL"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import presage.probe.__main__
from presage import probe
for name in probe.__all__:
    getattr(probe, name)
print("fine")
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "fine\n"
