"""Threads that wait spin briefly, unless a user has said how long."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from presage.threads import SPINS, spin_briefly

_SAID = (
    "import presage.cli, sys; {}; presage.cli.main(['--version']); import os; print(os.environ.get('GOMP_SPINCOUNT'))"
)


@pytest.mark.parametrize(
    ("set_by_user", "spins"),
    [
        pytest.param({}, str(SPINS), id="nothing set"),
        pytest.param({"GOMP_SPINCOUNT": "7"}, "7", id="spins set"),
        pytest.param({"OMP_WAIT_POLICY": "PASSIVE"}, None, id="policy set"),
    ],
)
def test_what_a_user_has_set_stays(
    monkeypatch: pytest.MonkeyPatch, set_by_user: dict[str, str], spins: str | None
) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in set_by_user.items():
        monkeypatch.setenv(name, value)
    spin_briefly()
    assert os.environ.get("GOMP_SPINCOUNT") == spins
    monkeypatch.undo()


def test_the_command_says_so_before_torch_is_loaded() -> None:
    told = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    code = _SAID.format("assert 'torch' not in sys.modules")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=told)
    assert found.stdout.splitlines()[-1] == str(SPINS)
