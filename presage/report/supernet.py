"""The report's section about shared weights: what a super-net showed, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from presage.reading import reading
from presage.report.reading import read

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from presage.search.result import SearchResult

__all__ = ["EpochsTable", "epochs_table"]

_ROWS = 12  # of the table: more epochs than these are thinned out


@dataclass(frozen=True)
class EpochsTable:
    """What became of the shared weights in one line, and the epochs as rows of cells below their heads."""

    summary: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def epochs_table(result: SearchResult) -> EpochsTable | None:
    """None where the search was on no super-net."""
    path = result.folder / "supernet" / "report.json"
    if result.supernet is None or not path.exists():
        return None
    with reading(path):
        return _table(result.supernet, read(path)["epochs"])


def _table(summary: str, epochs: Sequence[Mapping[str, Any]]) -> EpochsTable:
    step = max(-(-len(epochs) // _ROWS), 1)
    shown = [epoch for at, epoch in enumerate(epochs) if at % step == 0 or at == len(epochs) - 1]
    kinds = list(epochs[-1]["skips"]) if epochs else []
    curved = any(epoch["eigenvalue"] is not None for epoch in epochs)
    heads = ["epoch", "loss, nats", "proxy accuracy", "entropy, nats a choice"]
    heads += [f"skip connections, {kind}" for kind in kinds]
    heads += ["dominant eigenvalue"] if curved else []
    return EpochsTable(summary, tuple(heads), tuple(_row(epoch, kinds, curved) for epoch in shown))


def _row(epoch: Mapping[str, Any], kinds: list[str], curved: bool) -> tuple[str, ...]:
    cells = [str(epoch["epoch"] + 1), *(_number(epoch[name]) for name in ("loss", "proxy_accuracy", "entropy"))]
    cells += [str(epoch["skips"].get(kind, "")) for kind in kinds]
    cells += [_number(epoch["eigenvalue"])] if curved else []
    return tuple(cells)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
