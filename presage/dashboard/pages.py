"""The pages of a run: how far it is, refreshed by the page itself, and the drawing of a network."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from presage.dashboard.charts import curves_chart, scores_chart
from presage.display import extrapolates, interval_picture, scaled
from presage.errors import PresageError
from presage.output import clock
from presage.reading import read_as, reading
from presage.search.run.status import NetworkStatus, RunStatus, run_status
from presage.speakable import named

if TYPE_CHECKING:
    from jinja2 import Environment

__all__ = ["content", "drawing", "frame"]


def frame(run: Path) -> str:
    """The page around `content`, which it fetches again and again."""
    return _rendered("live.html", run=str(run), content=content(run))


def content(run: Path) -> Markup:
    """How far the run in a folder is; what cannot be read is said in its place."""
    try:
        status = run_status(run)
    except PresageError as error:
        return _rendered("waiting.html", line=str(error), begun=(run / "run.json").exists())
    curves = {named(one.chosen.hash): one.curve for one in status.networks}
    label = "predicted accuracy" if status.score in ("predicted", "ucb") else status.score
    scores = [value for values in status.scores for value in values]
    return _rendered(
        "content.html",
        status=status,
        networks=[_told(one, axis=_axis(status), epochs=status.epochs) for one in _best_first(status)],
        scores=scores_chart(scores, label),
        curves=curves_chart(curves),
        quiet=clock(status.quiet_seconds),
        last=_last(status),
        best=None if status.best is None else named(status.best.chosen.hash),
        report=(run / "report.html").exists() and status.state == "finished",
    )


def drawing(run: Path, digest: str) -> Markup | None:
    """A page with the drawing of a network that was chosen; None where the folder does not hold it."""
    from presage.architecture.serial import from_json
    from presage.report.drawing import draw
    from presage.search.run.run_folder import RunFolder

    chosen = next((one.chosen for one in run_status(run).networks if one.chosen.hash == digest), None)
    if chosen is None:
        return None
    path = RunFolder(run).network(digest) / "architecture.json"
    with reading(path):
        picture = read_as(
            path,
            lambda told: draw(from_json(told["architecture"]), tuple(told["input_shape"]), len(told["classes"])),
        )
    return None if picture is None else _rendered("network.html", name=named(digest), picture=picture)


def _last(status: RunStatus) -> dict[str, object] | None:
    """What the final training came to; None where there is none that ended."""
    final = None if status.result is None or status.result.final is None else status.result.final.best
    return None if final is None else {"name": named(final.hash), "accuracy": final.accuracy}


def _best_first(status: RunStatus) -> list[NetworkStatus]:
    """Trained ones by accuracy, then those under way, then the rest in the order chosen."""
    return sorted(status.networks, key=lambda one: (-(one.accuracy or 0.0), -one.epochs))


def _axis(status: RunStatus) -> tuple[float, float]:
    ends = [
        end for one in status.networks for end in (one.chosen.lower, one.chosen.upper, one.accuracy) if end is not None
    ]
    return min(ends, default=0.0), max(ends, default=1.0)


def _told(one: NetworkStatus, axis: tuple[float, float], epochs: int) -> dict[str, object]:
    chosen = one.chosen
    picture, predicted = Markup(""), "" if chosen.score is None else f"{chosen.score:.4g}"
    if chosen.predicted is not None and chosen.lower is not None and chosen.upper is not None:
        predicted = f"{chosen.predicted:.3f}"
        picture = interval_picture(chosen.lower, chosen.predicted, chosen.upper, axis, one.accuracy)
    trained = f"{one.accuracy:.3f}" if one.accuracy is not None else f"{one.curve[-1]:.3f} so far" if one.curve else ""
    return {
        "name": named(chosen.hash),
        "hash": chosen.hash,
        "drawn": one.accuracy is not None,
        "role": chosen.role,
        "predicted": predicted,
        "picture": picture,
        "extrapolates": extrapolates(chosen.extrapolation, chosen.distance),
        "status": one.status,
        "epochs": one.epochs,
        "of": epochs,
        "trained": trained,
        "parameters": scaled(chosen.parameters),
        "multiply_adds": scaled(chosen.multiply_adds),
    }


def _rendered(template: str, **values: object) -> Markup:
    return Markup(_environment().get_template(template).render(**values))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("presage.dashboard", "")
    return Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
