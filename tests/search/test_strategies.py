"""The registries of strategies: every name loads what it says, and nothing heavy is imported before."""

from __future__ import annotations

import subprocess
import sys

import pytest
from optuna.samplers import BaseSampler

from presage.errors import UnknownName
from presage.search.strategies import SAMPLERS, STRATEGIES, SUPERNET_STRATEGIES, SUPERNETS, UNIFORM, check_objectives
from presage.search.supernet import OneShot


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_is_one_of_optuna(name: str) -> None:
    assert issubclass(SAMPLERS.load(name), BaseSampler)


@pytest.mark.parametrize("name", SUPERNETS)
def test_every_super_net_is_registered_by_its_own_name(name: str) -> None:
    method = SUPERNETS.load(name)
    assert issubclass(method, OneShot)
    assert method.name == name


def test_super_nets_but_the_uniform_one_are_strategies() -> None:
    assert list(SUPERNET_STRATEGIES) == [name for name in SUPERNETS if name != UNIFORM]
    assert list(STRATEGIES) == [*SAMPLERS, *SUPERNET_STRATEGIES]


def test_a_mistyped_strategy_is_told_the_nearest_of_all() -> None:
    with pytest.raises(UnknownName, match=r"No strategy is named `darts-frist`. Did you mean `darts-first`\?"):
        check_objectives("darts-frist", 1)


def test_names_and_summaries_cost_no_heavy_import() -> None:
    code = (
        "import sys; from presage.search.strategies import STRATEGIES, get_sampler; STRATEGIES.summaries();"
        "heavy = {'torch', 'optuna', 'numpy', 'scipy'} & set(sys.modules); sys.exit(', '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
