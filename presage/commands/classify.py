"""`presage classify MODEL IMAGE...`: what a trained network sees in images."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from typing import TYPE_CHECKING

from presage.arguments import Arguments
from presage.output import positive, table

if TYPE_CHECKING:
    from presage.classification import Classified


def arguments(parser: Arguments) -> None:
    parser.add_argument("model", metavar="MODEL", help="folder that `presage train` or `presage search` left")
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="image files, or folders that hold some")
    parser.add_argument("--top", type=positive, default=1, metavar="K", help="likeliest classes shown (default: 1)")
    parser.add_argument("--probabilities", action="store_true", help="the probability of every class (JSON, CSV)")
    parser.add_argument("--csv", action="store_true", help="print CSV on stdout")


def run(options: argparse.Namespace) -> int:
    from presage.classification import classify
    from presage.console import warn
    from presage.errors import InvalidArgument
    from presage.progress import ProgressBars
    from presage.training.model.folder import load_model

    if options.csv and options.json:
        raise InvalidArgument("--csv", "presage classify", "not stand beside --json", "both")
    model = load_model(options.model)
    top = min(options.top, len(model.classes))
    with ProgressBars(quiet=options.quiet) as bars:
        found = classify(
            model,
            options.images,
            lambda done, total: bars("classify", done, total),
            warn,
        )
    for one in found:
        if one.failure:
            warn(f"{one.file} was not classified: {one.failure}.")
    if options.json:
        print(json.dumps(_as_json(found, model.classes, top, options.probabilities)))
    elif options.csv:
        _print_csv(found, model.classes, top, options.probabilities)
    else:
        lines = [(one.file, *_cells(one, model.classes, top)) for one in found]
        heads = [
            head for rank in range(1, top + 1) for head in (f"class {rank}" if top > 1 else "class", "probability")
        ]
        print(table(("image", *heads), lines))
    return 1 if any(one.failure for one in found) else 0


def _cells(one: Classified, classes: tuple[str, ...], top: int) -> list[str]:
    """Names and probabilities of the likeliest classes."""
    if one.probabilities is None:
        return ["not readable", ""] + [""] * (2 * top - 2)
    return [text for best in one.best(top) for text in (classes[best], f"{one.probabilities[best]:.3f}")]


def _as_json(found: list[Classified], classes: tuple[str, ...], top: int, every: bool) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for one in found:
        if one.probabilities is None:
            rows.append({"image": one.file, "failure": one.failure})
            continue
        best = [{"class": classes[index], "probability": round(one.probabilities[index], 6)} for index in one.best(top)]
        all_of_them = {name: round(value, 6) for name, value in zip(classes, one.probabilities, strict=True)}
        rows.append({"image": one.file, "best": best, **({"probabilities": all_of_them} if every else {})})
    return {"classes": list(classes), "images": rows}


def _print_csv(found: list[Classified], classes: tuple[str, ...], top: int, every: bool) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    heads = [head for rank in range(1, top + 1) for head in (f"class_{rank}", f"probability_{rank}")]
    writer.writerow(["image", *heads, *(classes if every else ())])
    for one in found:
        cells = ["" if one.probabilities is None else cell for cell in _cells(one, classes, top)]
        values = ["" for _ in classes] if one.probabilities is None else [f"{value:.6f}" for value in one.probabilities]
        writer.writerow([one.file, *cells, *(values if every else ())])
