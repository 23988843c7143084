"""`write_report`: the run folder's results as one HTML page that asks nothing of a network.

What is shown is in the page itself, and can be read, printed and searched without its script; that sorts, filters,
links charts with the table, and shows networks side by side.
"""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from presage.comparison import comparison
from presage.errors import InvalidArgument
from presage.files import replacing, write_text
from presage.probe.inspection.issue import Inspection
from presage.reading import read_as, reading
from presage.report import inspection
from presage.report.charts.difficulty import difficulty_line
from presage.report.charts.of_networks import curves_chart
from presage.report.contents import agreement_of, best_of, candidates_of, charts_of, space_of
from presage.report.difficulty import difficulty_of, issues_of
from presage.report.leaderboard import leaderboard
from presage.report.networks import networks_of
from presage.report.pictures import Pictures
from presage.report.reading import read
from presage.report.supernet import epochs_table
from presage.report.templates import render, text_of
from presage.report.use import Uses
from presage.search.result import SearchResult
from presage.search.run.run_folder import RunFolder

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.training import ImageDataset

__all__ = ["write_report"]

SCRIPT, STYLE = "report.js", "report.css"


def write_report(run_folder: Path, space: Space | None = None, dataset: ImageDataset | None = None) -> Path:
    """Write ``report.html`` into a run folder and give its path.

    Args:
        run_folder: of a finished search.
        space: that was searched; None finds it by its name, and leaves the search out where no space has that name.
        dataset: that was searched for, whose images are shown where they were mistaken; None shows none.

    Raises:
        InvalidArgument: the folder holds no finished run, or one on another dataset.
        WrongInput: a file of the folder is damaged.
    """
    if not (run_folder / "result.json").exists():
        raise InvalidArgument("RUN", "presage report", "hold a finished run", str(run_folder))
    with reading(f"The run folder {run_folder}"):
        page = _page(run_folder, space, dataset)
    target = run_folder / "report.html"
    with replacing(target) as draft:
        write_text(draft, page)
    return target


def _page(run_folder: Path, space: Space | None, dataset: ImageDataset | None) -> str:
    result = SearchResult.from_json(read(run_folder / "result.json"), run_folder)
    if dataset is not None and dataset.fingerprint != result.fingerprint:
        rule = f"be the dataset of the run (`{result.dataset}`, by its content)"
        raise InvalidArgument("--data", "presage report", rule, dataset.name)
    card = read(run_folder / "card.json") if (run_folder / "card.json").exists() else None
    folder, pictures, searched = RunFolder(run_folder), Pictures(dataset), space_of(result, space)
    networks = networks_of(result, folder, searched, pictures)
    finals = "" if result.final is None else result.final.recipe_words
    asked = result.settings.get("score", "predicted")
    score = "" if asked in ("predicted", "ucb") else str(asked)
    found = read_as(run_folder / inspection.JSON, Inspection.from_json)
    return render(
        "page.html",
        result=result,
        networks=networks,
        board=leaderboard(networks, result.recipe_words, finals, score),
        best=best_of(result, folder, networks),
        uses=Uses(folder, result),
        curve_of=lambda one: curves_chart([("", "short", one.title, one.curve)], "") if len(one.curve) > 1 else None,
        card=card,
        line=card
        and difficulty_line(card["name"], card["seed_dcns"], card["known_dcns"], card.get("recipe_words", "")),
        difficulty=card and difficulty_of(card, pictures),
        inspection=found,
        issues=found and issues_of(found, pictures if found.fingerprint == result.fingerprint else Pictures(None)),
        agreement=agreement_of(result, networks),
        charts=charts_of(result, networks),
        candidates=candidates_of(result, searched, networks),
        compared=comparison([one.accuracy for one in result.verified], [one.accuracy for one in result.baseline]),
        supernet=epochs_table(result),
        settings=json.dumps(result.settings, indent=2),
        pictures=pictures,
        policy=_policy(),
    )


def _policy() -> str:
    """What the page may do: run its own script, look as it says, show the pictures it holds; nothing else, so that no
    request can leave it."""
    script, style = (_digest(text_of(name)) for name in (SCRIPT, STYLE))
    allowed = f"script-src {script}; style-src {style}; img-src data:"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode('ascii')}'"
