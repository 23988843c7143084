"""`write_report`: the run folder's results as one HTML page without scripts, fonts or anything from a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from presage.comparison import comparison
from presage.errors import InvalidArgument
from presage.files import replacing
from presage.probe.inspection.issue import Inspection
from presage.reading import read_as, reading
from presage.report import inspection, plots
from presage.report.contents import agreement_of, candidates_of, drawings_of, how_to_use_best
from presage.report.reading import read
from presage.report.supernet import epochs_table
from presage.report.templates import render
from presage.search.result import SearchResult

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search.result import Verified

__all__ = ["write_report"]


def write_report(run_folder: Path, space: Space | None = None) -> Path:
    """Write ``report.html`` into a run folder and give its path.

    Args:
        run_folder: of a finished search.
        space: that was searched; None finds it by its name, and leaves the search out where no space has that name.

    Raises:
        InvalidArgument: the folder holds no finished run.
        WrongInput: a file of the folder is damaged.
    """
    if not (run_folder / "result.json").exists():
        raise InvalidArgument("RUN", "presage report", "hold a finished run", str(run_folder))
    with reading(f"The run folder {run_folder}"):
        page = _page(run_folder, space)
    target = run_folder / "report.html"
    with replacing(target) as draft:
        draft.write_text(page, encoding="utf-8")
    return target


def _page(run_folder: Path, space: Space | None) -> str:
    result = SearchResult.from_json(read(run_folder / "result.json"), run_folder)
    card = read(run_folder / "card.json") if (run_folder / "card.json").exists() else None
    trained = [one for one in _best_first(result.verified) if one.accuracy is not None]
    return render(
        "page.html",
        result=result,
        card=card,
        inspection=_inspection(run_folder),
        trained=trained,
        short_list=_best_first(result.verified),
        baseline=_best_first(result.baseline),
        compared=comparison([one.accuracy for one in result.verified], [one.accuracy for one in result.baseline]),
        difficulty_plot=card
        and plots.difficulty_plot(card["name"], card["seed_dcns"], card["known_dcns"], card.get("recipe_words", "")),
        agreement=agreement_of(result),
        candidates=candidates_of(result, space),
        supernet=epochs_table(result),
        drawings=drawings_of(run_folder, trained),
        how_to_use=how_to_use_best(run_folder),
        settings=json.dumps(result.settings, indent=2),
    )


def _inspection(run_folder: Path) -> Inspection | None:
    """What `presage probe --inspect --out RUN` left there."""
    return read_as(run_folder / inspection.JSON, Inspection.from_json)


def _best_first(verified: tuple[Verified, ...]) -> list[Verified]:
    """By trained accuracy; those that have none at the end."""
    return sorted(verified, key=lambda one: -(one.accuracy or 0))
