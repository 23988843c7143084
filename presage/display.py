"""Results for people: numbers in words, tables as text, and as HTML where a notebook asks (`_repr_html_`).

The HTML has no style of its own but what must be: tables take a notebook's, pictures the colour of its text, so that
both are readable on dark ground. Every text is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup, escape

from presage.terminal import one_line

__all__ = [
    "accuracies", "beside", "clock", "extrapolates", "facts", "html_table", "interval_picture", "paragraphs",
    "reaching", "scaled", "table",
]  # fmt: skip


def extrapolates(word: str, distance: float | None) -> str:
    """How far a prediction reaches beyond experience, as a word and a number: *near 0.32*; "" where it is not told."""
    return word if distance is None or not distance else f"{word} {distance:.2f}"


def reaching(rounds: Iterable[Mapping[str, int]]) -> str:
    """*1,803 within, 150 near, 47 far*: how far predictions reach beyond experience, over rounds of a search."""
    total: dict[str, int] = {}
    for counts in rounds:
        for word, count in counts.items():
            total[word] = total.get(word, 0) + count
    return ", ".join(f"{count:,} {word}" for word, count in total.items())


def beside(value: float | None, upper: float | None = None) -> str:
    """A share above something else's, in per cent, or an interval of such shares: 0.0213 → +2.1 %; "" for none."""
    if value is None:
        return ""
    return f"{100 * value:+.1f} %" if upper is None else f"{100 * value:+.0f} to {100 * upper:+.0f} %"


def clock(seconds: float) -> str:
    """Seconds for people: 5400 → 1h 30m, 95 → 1m 35s, 3.2 → 3s."""
    whole = max(round(seconds), 0)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m {rest}s" if minutes else f"{rest}s"


def scaled(value: float) -> str:
    """A count for people: 1234567 → 1.23M."""
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def accuracies(value: float | None, balanced: float | None, none: str = "") -> str:
    """An accuracy, and the balanced one where there is one: 0.823 (balanced 0.701)."""
    if value is None:
        return none
    return f"{value:.3f}" + ("" if balanced is None else f" (balanced {balanced:.3f})")


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned first column, the others right-aligned; cells are on one line each, whatever they hold."""
    lines = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    texts = []
    for line in lines:
        cells = [
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(cells).rstrip())
    return "\n".join([texts[0], "  ".join("-" * width for width in widths), *texts[1:]])


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Markup:
    """A table for a notebook: columns of numbers on the right, others on the left; cells are escaped."""
    filled = list(rows)
    columns = [[row[at] for row in filled if row[at]] for at in range(len(header))]
    sides = ["right" if cells and all(map(_is_number, cells)) else "left" for cells in columns]
    lines = [_row("th", header, sides), *(_row("td", row, sides) for row in filled)]
    title = f'<caption style="text-align:left">{_escaped(caption)}</caption>' if caption else ""
    return Markup(f"<table>{title}<thead>{lines[0]}</thead><tbody>{''.join(lines[1:])}</tbody></table>")


def facts(title: str, rows: Iterable[tuple[str, str]]) -> Markup:
    """A heading, and below it what is to be said of each of a few words."""
    side = 'style="text-align:left;vertical-align:top"'
    lines = [f"<tr><th {side}>{_escaped(name)}</th><td {side}>{_escaped(what)}</td></tr>" for name, what in rows]
    return Markup(f"<p><b>{_escaped(title)}</b></p><table><tbody>{''.join(lines)}</tbody></table>")


def paragraphs(lines: Iterable[str]) -> Markup:
    """Each line a paragraph."""
    return Markup("".join(f"<p>{_escaped(line)}</p>" for line in lines))


def interval_picture(
    lower: float, value: float, upper: float, axis: tuple[float, float], trained: float | None = None
) -> Markup:
    """A prediction as a dot on its interval, and what it came to as a ring; drawn on an axis that a column shares.

    Args:
        lower, value, upper: the prediction.
        axis: least and most of the column.
        trained: trained accuracy; None draws no ring.
    """
    low, high = axis
    span = max(high - low, 1e-9)

    def at(one: float) -> str:
        return f"{6 + 128 * (min(max(one, low), high) - low) / span:.1f}"  # a ring at an end is whole

    said = f"{value:.3f}, interval {lower:.3f} to {upper:.3f}"
    said += "" if trained is None else f", trained {trained:.3f}"
    ring = "" if trained is None else f'<circle cx="{at(trained)}" cy="8" r="5" fill="none" stroke="currentColor"/>'
    return Markup(
        '<svg width="140" height="16" viewBox="0 0 140 16" style="min-width:140px" '  # a notebook would cut it
        f'role="img" aria-label="{said}"><title>{said}</title>'
        f'<path d="M{at(lower)} 8H{at(upper)}" stroke="#4c78a8" stroke-width="2"/>'
        f'<circle cx="{at(value)}" cy="8" r="3" fill="#4c78a8"/>{ring}</svg>'
    )


def _is_number(cell: str) -> bool:
    return cell[0].isdigit() or cell[0] in "+-−"


def _row(tag: str, cells: Sequence[str], sides: Sequence[str]) -> str:
    written = [
        f'<{tag} style="text-align:{side}">{_escaped(cell)}</{tag}>' for side, cell in zip(sides, cells, strict=True)
    ]
    return f"<tr>{''.join(written)}</tr>"


def _escaped(text: str) -> Markup:
    return text if isinstance(text, Markup) else escape(one_line(text))
