"""The report's section about shared weights: what a super-net showed, epoch by epoch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["supernet_section"]

_ROWS = 12  # of the table: more epochs than these are thinned out


def supernet_section(folder: Path, result: Mapping[str, Any]) -> str:
    """HTML; empty where the search was on no super-net.

    Args:
        folder: the run folder.
        result: as in its `result.json`.
    """
    path = folder / "supernet" / "report.json"
    if result.get("supernet") is None or not path.exists():
        return ""
    report = json.loads(path.read_text(encoding="utf-8"))
    epochs = report["epochs"]
    step = max(-(-len(epochs) // _ROWS), 1)
    shown = [epoch for at, epoch in enumerate(epochs) if at % step == 0 or at == len(epochs) - 1]
    kinds = list(epochs[-1]["skips"]) if epochs else []
    heads = ["epoch", "loss, nats", "proxy accuracy", "entropy, nats a choice"]
    heads += [f"skip connections, {kind}" for kind in kinds]
    curved = any(epoch["eigenvalue"] is not None for epoch in epochs)
    heads += ["dominant eigenvalue"] if curved else []
    rows = []
    for epoch in shown:
        cells = [str(epoch["epoch"] + 1), *(_number(epoch[name]) for name in ("loss", "proxy_accuracy", "entropy"))]
        cells += [str(epoch["skips"].get(kind, "")) for kind in kinds]
        cells += [_number(epoch["eigenvalue"])] if curved else []
        rows.append("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>")
    head = "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in heads) + "</tr>"
    note = (
        "Proxy accuracy is that of networks with shared weights: it ranks them at best, and is neither predicted nor "
        "trained accuracy."
    )
    told = escape(result["supernet"])
    return f"<h2>Super-net</h2><p>{told} {note}</p><table>{head}{''.join(rows)}</table>"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
