"""Which of a short-list were no finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presage.speakable import named

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search import SearchResult

__all__ = ["told_of_references"]


def told_of_references(space: Space, result: SearchResult) -> list[str]:
    """A sentence on what was trained of the space's references; none where nothing was."""
    known = {space.decode(space.params(code)).hash for kind in space.references for code in kind}
    found = list(dict.fromkeys(one.chosen.hash for one in result.verified if one.chosen.hash in known))
    if not found or result.best is None:
        return []
    kind = "are networks that people build" if len(found) > 1 else "is a network that people build"
    best = "one of them" if result.best.chosen.hash in known else "not one of them"
    return [f"Of the short-list {', '.join(map(named, found))} {kind} without a search; the best is {best}."]
