"""The report's section about shared weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from presage.report.supernet import epochs_table
from presage.report.templates import render
from presage.search.result import SearchResult
from presage.search.supernet import Collapse, SupernetEpoch, SupernetReport


def report(method: str, **changes: Any) -> SupernetReport:
    epochs = tuple(
        SupernetEpoch(at, 2.0 / (at + 1), 0.1 * at, 1.5, {"normal": at}, None if at == 0 else 0.25, 1.0)
        for at in range(4)
    )
    fields: dict[str, Any] = {
        "method": method, "space": "darts", "status": "finished", "failure": None, "collapse": None,
        "epochs": epochs, "weights": 1234, "seconds": 4.0, "found": None, **changes,
    }  # fmt: skip
    return SupernetReport(**fields)


def section(folder: Path, summary: str | None) -> str:
    result = SearchResult(folder, "digits", "f", "darts", "darts-first", {}, (), supernet=summary)
    return render("supernet.html", supernet=epochs_table(result))


def written(folder: Path, found: SupernetReport) -> str:
    (folder / "supernet").mkdir(exist_ok=True)
    (folder / "supernet" / "report.json").write_text(json.dumps(found.to_json()), encoding="utf-8")
    return section(folder, found.summary)


def test_every_epoch_is_shown_with_what_it_is_called(tmp_path: Path) -> None:
    html = written(tmp_path, report("darts-first"))
    assert html.count("<tr>") == 5
    assert "<td>4</td><td>0.5</td><td>0.3</td><td>1.5</td><td>3</td><td>0.25</td>" in html
    assert "neither predicted nor trained accuracy" in " ".join(html.split())


def test_a_collapse_is_told(tmp_path: Path) -> None:
    collapse = Collapse("skips", 3, 2, "more than 2 skip connections: 3 in the normal cell")
    html = written(tmp_path, report("pc-darts", status="stopped early", collapse=collapse))
    assert "stopped early after epoch 4 (more than 2 skip connections: 3 in the normal cell; epoch 3 is kept)" in html


def test_a_failure_is_told_and_a_search_without_super_net_has_no_section(tmp_path: Path) -> None:
    failed = report("enas", status="diverged", failure="The loss became nan & more.", epochs=())
    html = written(tmp_path, failed)
    assert "diverged: The loss became nan &amp; more" in html
    assert section(tmp_path, None) == ""
    assert section(tmp_path / "other", "told") == ""
