"""Execute the notebooks beside this file and write what comes out into them: `python notebooks/execute.py [NAME...]`.

Each runs in an empty folder of its own. With `--short`, values of the cell tagged `parameters` are replaced by those
that the notebook's metadata give under `short`, and nothing is written: that is how the tests run them.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).resolve().parent
NOTEBOOKS = tuple(sorted(HERE.glob("*.ipynb")))
SECONDS = 1800
"""Most that one cell may take."""

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def executed(notebook: Path, folder: Path, *, short: bool) -> Any:
    """The notebook with its outputs, run in `folder`.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed; says which and why.
    """
    found = nbformat.read(notebook, as_version=4)
    if short:
        _parameters(found)["source"] += "".join(
            f"\n{name} = {value!r}" for name, value in found.metadata["short"].items()
        )
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(found, timeout=SECONDS, kernel_name="python3", record_timing=False, resources=where)
    client.execute()
    return found


def _parameters(found: Any) -> Any:
    (cell,) = [cell for cell in found.cells if "parameters" in cell.metadata.get("tags", ())]
    return cell


def cleaned(found: Any, folder: Path) -> Any:
    """The notebook without progress bars, and with nothing in its outputs that tells of this machine."""
    for cell in found.cells:
        if cell.cell_type != "code":
            continue
        cell.outputs = [one for one in cell.outputs if not (one.output_type == "stream" and one.name == "stderr")]
        for one in cell.outputs:
            if one.output_type == "stream":
                one.text = _plain(one.text, folder)
            for kind, text in one.get("data", {}).items():
                if kind.startswith("text/"):
                    one["data"][kind] = _plain(text, folder)
        cell.outputs = _joined(cell.outputs)
    found.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
        "short": found.metadata["short"],
    }
    return found


def _joined(outputs: list[Any]) -> list[Any]:
    """What was printed in pieces, as one: where the pieces end is chance."""
    found: list[Any] = []
    for one in outputs:
        if found and one.output_type == found[-1].output_type == "stream":
            found[-1].text += one.text
        else:
            found.append(one)
    return found


def _plain(text: str, folder: Path) -> str:
    return _ADDRESS.sub("", text.replace(f"{folder}/", "").replace(str(folder), "."))


def main() -> int:
    """Execute those that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks of this folder (default: all)")
    parser.add_argument("--short", action="store_true", help="run by the short values, and write nothing")
    options = parser.parse_args()
    for notebook in [HERE / name for name in options.names] or NOTEBOOKS:
        print(notebook.name, file=sys.stderr)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            found = executed(notebook, folder, short=options.short)
            if not options.short:
                nbformat.write(cleaned(found, folder), notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main())
