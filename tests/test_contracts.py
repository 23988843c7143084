"""Whatever is registered by name is held to its contract by a test of its own."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

import presage.commands
from presage.architecture.recurrent.registry import CELL_SPACES
from presage.architecture.spaces import SPACES
from presage.cli import COMMANDS
from presage.registry import Registered
from presage.search.strategies import SAMPLERS
from presage.surrogate.predictors.registry import PREDICTORS

TESTS = Path(__file__).resolve().parent


@cache
def held(contract: str) -> str:
    """The bodies of all test classes that inherit a contract."""
    found = []
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        found += re.findall(rf"^class \w+\({contract}\):\n((?:    .*\n|\n)*)", text, re.MULTILINE)
    return "\n".join(found)


def without(registered: Mapping[str, Registered], contract: str) -> list[str]:
    """Names of those that no test of the contract makes, by class or by name."""
    classes = {name: one.target.partition(":")[2] for name, one in registered.items()}
    return [name for name, made in classes.items() if not re.search(rf'\b{made}\b|"{name}"', held(contract))]


@pytest.mark.parametrize(
    ("registered", "contract"),
    [
        (SPACES, "SpaceContract"),
        (CELL_SPACES, "CodeSpaceContract"),
        (SAMPLERS, "SamplerContract"),
        (PREDICTORS, "PredictorContract"),
    ],
    ids=["spaces", "spaces of cells", "samplers", "predictors"],
)
def test_every_registered_class_is_held_to_the_contract(registered: Mapping[str, Registered], contract: str) -> None:
    assert without(registered, contract) == []


def test_every_module_of_commands_is_a_command() -> None:
    modules = {module.name for module in pkgutil.iter_modules(presage.commands.__path__)}
    assert modules == set(COMMANDS)


def test_one_that_is_not_is_seen() -> None:
    assert without({"hexagons": Registered("mine:Hexagons", "a space")}, "SpaceContract") == ["hexagons"]
