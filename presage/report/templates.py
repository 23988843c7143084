"""Pages made from the templates beside this file. Every value is escaped, so that no name can bring markup of its own.

The one exception is `markupsafe.Markup`, which only our own drawings are: `plots` and `drawing` make it.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from markupsafe import Markup

from presage.output import accuracies, scaled
from presage.speakable import named

if TYPE_CHECKING:
    from jinja2 import Environment

    from presage.search.result import Chosen

__all__ = ["render", "text_of"]


def render(template: str, **values: object) -> Markup:
    """The text of a template of this folder (`page.html`) with its values; one that it lacks is an error."""
    return Markup(_environment().get_template(template).render(**values))


def text_of(template: str) -> str:
    """What a template without values of its own comes to, as a page that includes it holds it."""
    return str(render(template))


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("presage.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "fixed": _fixed,
        "accuracies": accuracies,
        "percent": _percent,
        "milliseconds": _milliseconds,
    }
    environment.filters |= {
        "scaled": scaled,
        "grouped": _grouped,
        "foretold": _foretold,
        "points": _points,
        "shade": _shade,
        "named": named,
    }
    return environment


def _fixed(value: float | None, digits: int = 3, none: str = "") -> str:
    """0.98765 → 0.988."""
    return none if value is None else f"{value:.{digits}f}"


def _percent(value: float, digits: int = 0) -> str:
    """0.9 → 90%."""
    return f"{value:.{digits}%}"


def _milliseconds(seconds: float | None) -> str:
    """0.0012345 → 1.23."""
    return "" if seconds is None else f"{1000 * seconds:.2f}"


def _grouped(value: int) -> str:
    """2000 → 2,000."""
    return f"{value:,}"


def _foretold(chosen: Chosen) -> str:
    """What was said of a network before its training: its predicted accuracy, or another score by its name."""
    if chosen.predicted is not None:
        return f"{chosen.predicted:.3f} [{chosen.lower:.3f}, {chosen.upper:.3f}]"
    return "" if chosen.score is None else f"{chosen.score_name} {chosen.score:.4g}"


def _shade(count: int, most: int) -> int:
    """0 … 9: how dark a cell of a table of counts is, by its share of the largest."""
    return 0 if not count else max(1, min(9, round(9 * count / max(most, 1))))


def _points(value: float) -> str:
    """Points of accuracy with their sign; none is +0."""
    return f"{round(value):+d}"
