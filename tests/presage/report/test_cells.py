"""The report of a search of cells lists them all, draws the best, and shows what it writes; nothing escapes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from presage.architecture.recurrent.published import PUBLISHED, published
from presage.architecture.recurrent.spaces import RnnDarts, RnnTree
from presage.errors import InvalidArgument, WrongInput
from presage.report.cell_drawing import draw_cell
from presage.report.cells import write_cell_report
from presage.search.recurrent.trained import search_cells
from presage.speakable import named
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import text_data


def test_gated_nodes_of_the_published_cells_are_a_box_each() -> None:
    darts = str(draw_cell(published("darts_v2")))
    assert darts.count("<rect") == 2 + 9 + 1 + 1  # x and h, the nodes, their mean, what is given
    assert darts.count(", gated") == 9 + 0
    assert darts.count("relu, gated") == 3
    assert str(draw_cell(published("lstm"))).count("W, sigmoid") == 3


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_cell_is_drawn(name: str) -> None:
    assert str(draw_cell(published(name))).startswith("<svg")


def test_cells_of_a_tree_are_drawn() -> None:
    import numpy as np

    space = RnnTree(leaves=4)
    for cell in space.cells(space.sample(5, np.random.default_rng(0))):
        assert "state 1 before" in str(draw_cell(cell))


def test_the_report_of_a_search(tmp_path: Path) -> None:
    numbers = random.Random(0)
    data = text_data("".join(numbers.choice(("<b>sun ", "moon ", "rain&\n")) for _ in range(300)), "<i>sky")
    recipe = TextRecipe(epochs=1, batch=8, sequence_length=12, parameters=1500, embedding=8)
    found = search_cells(
        data, RnnDarts(nodes=2), recipe, strategy="random", candidates=2, seed=0, run_folder=tmp_path,
        store=lambda _: None, progress=lambda *_: None,
    )  # fmt: skip
    page = write_cell_report(tmp_path).read_text(encoding="utf-8")
    for one in found:
        assert named(one.cell) in page
        assert f"{one.value:.3f}" in page
    assert page.count("<svg") == 1
    assert "&lt;i&gt;sky" in page
    assert "<i>" not in page
    assert "<b>sun" not in page


def test_a_damaged_result_is_one_line(tmp_path: Path) -> None:
    data = text_data("sun moon rain\n" * 60, "sky")
    recipe = TextRecipe(epochs=1, batch=8, sequence_length=12, parameters=1500, embedding=8)
    search_cells(
        data, RnnDarts(nodes=2), recipe, strategy="random", candidates=1, seed=0, run_folder=tmp_path,
        store=lambda _: None, progress=lambda *_: None,
    )  # fmt: skip
    result = json.loads((tmp_path / "result.json").read_text())
    for damaged in ({**result, "found": [{}]}, {name: value for name, value in result.items() if name != "metric"}):
        (tmp_path / "result.json").write_text(json.dumps(damaged))
        with pytest.raises(WrongInput, match=r"result\.json is damaged"):
            write_cell_report(tmp_path)


def test_a_folder_without_such_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="search of recurrent cells"):
        write_cell_report(tmp_path)
