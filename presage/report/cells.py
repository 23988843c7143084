"""The report of a search of recurrent cells: all that were trained, the best as a drawing, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from presage.errors import InvalidArgument
from presage.files import replacing, write_text
from presage.output import beside
from presage.reading import read_json, reading
from presage.report.cell_drawing import draw_cell
from presage.report.templates import render
from presage.search.recurrent import FORMAT
from presage.search.run_paths import best_folder, report_file
from presage.speakable import named
from presage.training.text.text_model import TextModel, load_text_model

__all__ = ["is_of_cells", "write_cell_report"]

_WRITTEN = 600
_RESULT = "result.json"


def is_of_cells(run_folder: Path) -> bool:
    """Whether a run folder's result is that of a search of recurrent cells."""
    return _result(run_folder) is not None


def write_cell_report(run_folder: Path) -> Path:
    """Write ``report.html`` of a run folder of `presage text search`; gives its path.

    Raises:
        InvalidArgument: the folder holds no such search that ended.
        InvalidModel: its best network cannot be read.
        WrongInput: what it says of itself is damaged.
    """
    result = _result(run_folder)
    if result is None or not result.get("found"):
        raise InvalidArgument("run", "report", "hold a search of recurrent cells that ended", str(run_folder))
    model = load_text_model(best_folder(run_folder))
    with reading(run_folder / _RESULT):
        page = _page(result, model, best_folder(run_folder))
    target = report_file(run_folder)
    with replacing(target) as draft:
        write_text(draft, page)
    return target


def _page(result: Mapping[str, Any], model: TextModel, folder: Path) -> str:
    found: list[Mapping[str, Any]] = result["found"]
    words = bool(model.words)
    return render(
        "cells.html",
        result=result,
        found=found,
        best=found[0],
        name=named(found[0]["cell"]),
        metric=str(result["metric"]).replace("_", " "),
        beside=beside,
        foretold=any(one.get("predicted") for one in found),
        proxied=any(one.get("proxy") is not None for one in found),
        drawing=draw_cell(model.cell),
        written=model.generate("", _WRITTEN // 5 if words else _WRITTEN),
        symbols=len(model.symbols),
        kind="words" if words else "characters",
        folder=str(folder),
    )


def _result(run_folder: Path) -> Mapping[str, Any] | None:
    """What a search of recurrent cells came to; None where the folder holds none."""
    result = read_json(run_folder / _RESULT)
    return result if isinstance(result, Mapping) and result.get("format") == FORMAT else None
