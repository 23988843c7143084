"""What `benchmarks/shrinking.py` makes of results."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from presage.architecture.costs import costs


@pytest.fixture(scope="module")
def shrinking() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "shrinking.py"
    spec = importlib.util.spec_from_file_location("benchmarks_shrinking", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_networks_are_what_they_are_called(shrinking: ModuleType) -> None:
    resnet = shrinking.network("resnet18")
    assert costs(resnet, (3, 16, 16), 10).depth == 18
    assert costs(shrinking.network("stages"), (3, 16, 16), 10).depth < 18


def test_points_are_against_the_network_itself(shrinking: ModuleType) -> None:
    def one(role: str, kind: str, digest: str, *values: float | None) -> dict[str, Any]:
        names = ("predicted", "accuracy", "test_accuracy")
        return {"role": role, "kind": kind, "hash": digest, **dict(zip(names, values, strict=True))}

    networks = [
        one("original", "", "a", 0.80, 0.82, 0.81),
        one("plain", "plain", "b", 0.70, 0.72, 0.70),
        one("short-list", "widths", "c", 0.78, 0.80, 0.79),
        one("short-list", "widths", "d", 0.77, 0.79, 0.78),
        one("short-list", "blocks", "e", 0.76, None, None),
    ]
    found = shrinking.losses({"networks": networks})
    expected = {"predicted": -2, "best": -2, "best, test": -2, "plain, test": -11, "widths, test": -2}
    assert found == pytest.approx(expected)
    header, line = shrinking.rows({("resnet18", "digits"): [found, {**found, "best": -4.0}]})
    assert dict(zip(header, line, strict=True)) == {
        "network": "resnet18", "dataset": "digits", "seeds": "2", "predicted": "-2.0", "best": "-3.0",
        "best, test": "-2.0", "plain, test": "-11.0", "widths, test": "-2.0",
    }  # fmt: skip
