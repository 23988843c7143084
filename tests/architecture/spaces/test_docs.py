"""The space of one's own that docs/spaces.md shows does what the page says."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.spaces import SPACES, Space
from presage.architecture.testing import SpaceContract

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "spaces.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_tells_of_every_space_and_argument() -> None:
    for family in SPACES:
        made = SPACES.load(family)
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{family}` |"))
        for field in fields(made):
            assert f"`{field.name}` ({field.default})" in row
        assert f"\n- `{family}` (" in PAGE, "its parameters, in a line of their own"


class TestPyramid(SpaceContract):
    @pytest.fixture(autouse=True)
    def _from_the_page(self, tmp_path: Path) -> None:
        path = tmp_path / "pyramid.py"
        path.write_text("\n".join(BLOCKS[0:1] + BLOCKS[2:]), encoding="utf-8")
        spec = importlib.util.spec_from_file_location("pyramid_of_the_docs", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules["pyramid_of_the_docs"] = module  # a dataclass looks its module up
        spec.loader.exec_module(module)
        assert module.TestPyramid.space == module.Pyramid()
        self.space: Space = module.Pyramid(layers=2)  # type: ignore[misc]  # one per test

    def test_its_networks_are_what_the_parameters_say(self) -> None:
        params = {"width1": 16, "kernel1": 5, "pooled1": "yes", "width2": 8, "kernel2": 1, "pooled2": "no"}
        architecture = self.space.decode(params)
        names = [node.operation.name for node in architecture.nodes]
        assert names == [
            *("input", "convolution", "batch_norm", "activation", "max_pool"),
            *("convolution", "batch_norm", "activation", "adaptive_average_pool", "flatten", "classifier"),
        ]
        assert architecture.shapes((3, 16, 16), 10)[4] == (16, 8, 8)
        assert len(self.space.neighbours(np.zeros(6, np.int64))) == 2 + 2 + 1 + 2 + 2 + 1
