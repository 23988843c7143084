"""Nothing that a run, a dataset or a user named brings markup of its own into the report."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage.architecture.serial import to_json
from presage.report import write_report
from presage.report.templates import render
from presage.search import SearchSettings, run_search
from presage.search.run.run_folder import RunFolder
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)

KEPT = {"format", "objectives", "journal", "study", "precision", "optimizer", "schedule", "hash"}
"""Texts that presage itself reads again; a hash that is none is refused, for it names a folder."""

OWN = {"html", "head", "meta", "title", "style", "body", "main", "section", "h1", "h2", "h3", "p", "div", "b", "span"}
OWN |= {"header", "nav", "a", "small", "br", "dl", "dt", "dd", "ul", "li", "h4", "h5", "script"}
OWN |= {
    "table",
    "caption",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "code",
    "pre",
    "details",
    "summary",
    "figure",
    "figcaption",
}
OWN |= {"label", "input", "select", "option", "button", "dialog", "form"}
OWN |= {"svg", "g", "path", "rect", "text", "circle", "defs", "use", "image"}
"""The elements a report is made of, those of its plots and drawings included."""


class Page(HTMLParser):
    """The page as a browser reads it: its elements, their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


class Hostile:
    """Texts with markup in them, each with a number of its own, and where each was put."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def __call__(self, value: Any, at: str = "") -> Any:
        """The same value with every text in it replaced."""
        if isinstance(value, dict):
            return {name: one if name in KEPT else self(one, f"{at}.{name}") for name, one in value.items()}
        if isinstance(value, list):
            return [self(one, f"{at}.{index}") for index, one in enumerate(value)]
        if not isinstance(value, str):
            return value
        number = len(self.texts)
        self.texts[at] = f'<x{number:04d}>\'"&amp;<script onload="x">{number}</script></pre></title></svg>'
        return self.texts[at]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "run"
    x = np.random.default_rng(0).integers(0, 255, (80, 8, 8, 1)).astype(np.uint8)
    run_search(
        ImageDataset("noise", x, np.arange(80) % 2, x[:20], np.arange(20) % 2, classes=("a", "b")),
        space=SPACE,
        recipe=RECIPE,
        settings=SearchSettings(candidates=40, shortlist=3, batch=20, compare_random=2),
        scorer=lambda number, verified: TableScorer(),
        run_folder=folder,
        trainer=TableTrainer(RECIPE.epochs),
    )
    return folder


def card() -> dict[str, Any]:
    return {
        "name": "noise", "dcn": 0.5, "spread": 0.1, "chance": 0.5, "classes": 2, "seed_dcns": [0.4, 0.6],
        "confused": [{"first": "a", "second": "b", "rate": 0.25}, {"first": "b", "second": "c", "rate": 0.2}],
        "noise": {"share": 0.1, "examined": 20}, "nearest": [{"name": "digits", "dcn": 0.9}],
    }  # fmt: skip


def test_no_text_of_a_run_becomes_markup(run: Path) -> None:
    before = Page(write_report(run, SPACE).read_text(encoding="utf-8"))
    result = json.loads((run / "result.json").read_text(encoding="utf-8"))
    result |= {"latency": "off", "supernet": "stopped", "notes": ["one", "two"]}
    first, second, third = result["rounds"][0]["verified"]
    first["chosen"] |= {"predicted": None, "lower": None, "upper": None, "score": 1.5}
    second |= {"accuracy": None, "failure": "The loss became nan."}
    params = third["chosen"]["params"]
    hostile = Hostile()
    result = hostile(result)
    drawn = RunFolder(run).network(result["rounds"][0]["verified"][2]["chosen"]["hash"])
    drawn.mkdir(parents=True, exist_ok=True)
    described = {"architecture": to_json(SPACE.decode(params)), "input_shape": [1, 8, 8]}
    described["classes"] = [hostile("a", ".classes.0"), hostile("b", ".classes.1")]
    (drawn / "architecture.json").write_text(json.dumps(described), encoding="utf-8")
    epoch = {"epoch": 0, "loss": 1.0, "proxy_accuracy": 0.5, "entropy": 1.0, "eigenvalue": None}
    epoch["skips"] = {hostile("normal", ".skips"): 3}
    (run / "supernet").mkdir(exist_ok=True)
    (run / "supernet" / "report.json").write_text(json.dumps({"epochs": [epoch]}), encoding="utf-8")
    known = {hostile("known", ".known"): 0.3}
    (run / "card.json").write_text(json.dumps(hostile(card(), ".card") | {"known_dcns": known}), encoding="utf-8")
    (run / "result.json").write_text(json.dumps(result), encoding="utf-8")

    html = write_report(run, SPACE).read_text(encoding="utf-8")
    page = Page(html)
    assert page.elements <= OWN
    assert before.elements <= OWN
    assert "onload" not in page.attributes
    assert "<x" not in html.replace("<xml", "")
    assert "&amp;amp;" in html
    whole = {at for at, text in hostile.texts.items() if text in page.text}
    assert {".dataset", ".space", ".strategy", ".score", ".latency", ".supernet", ".notes.0", ".notes.1"} <= whole
    assert {".skips", ".known", ".card.name", ".card.nearest.0.name"} <= whole
    assert {f".card.confused.{index}.{which}" for index in (0, 1) for which in ("first", "second")} <= whole
    assert ".rounds.0.verified.1.status" in whole
    assert ".rounds.0.verified.0.chosen.score_name" in whole
    named = result["rounds"][0]["verified"][2]["chosen"]["hash"][:8]
    assert page.text.count(named) >= 3  # in its row, above its drawing, and beside its curve
    assert json.dumps(result["settings"], indent=2) in page.text


def test_what_a_template_lacks_is_an_error_and_what_it_is_given_is_text() -> None:
    from jinja2 import UndefinedError

    with pytest.raises(UndefinedError, match="supernet"):
        render("supernet.html")
    drawn = render("network.svg", width=1.0, height=2.0, edges=['"/><script>'], boxes=[], called="<script>")
    assert "<script" not in drawn
    assert 'd="&#34;/&gt;&lt;script&gt;"' in drawn
