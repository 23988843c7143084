"""An evaluation as files: every table as Markdown and CSV, everything as JSON, and the plots."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from presage.files import write_text
from presage.report.evaluation_plots import evaluation_plots
from presage.surrogate.evaluation.appraisal import Appraisal

__all__ = ["write_evaluation"]

RESULTS = "evaluation.json"


def write_evaluation(found: Appraisal, folder: Path) -> list[Path]:
    """Writes all files into `folder`, made if it is missing; files of the same names are replaced.

    Returns:
        What was written: `evaluation.json` (all scores), `tables.json` and `tables.md` (the tables as they are shown),
        one CSV a table, one PNG a plot.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tables = found.tables()
    pages = "\n".join(f"## {table.title}\n\n{table.markdown()}\n" for table in tables)
    said = f"Recipe: {found.recipe_words}.\n\n" if found.recipe_words else ""
    texts = {
        RESULTS: json.dumps(found.to_json(), ensure_ascii=False) + "\n",
        "tables.json": json.dumps([asdict(table) for table in tables], indent=1, ensure_ascii=False) + "\n",
        "tables.md": f"# Evaluation\n\n{said}{pages}",
        **{f"{table.name}.csv": table.csv() for table in tables},
    }
    written = []
    for name, text in texts.items():
        written.append(folder / name)
        write_text(written[-1], text)
    for name, figure in evaluation_plots(found).items():
        written.append(folder / f"{name}.png")
        figure.savefig(written[-1], dpi=110, metadata={"Software": None})
    return written
