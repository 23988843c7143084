"""Guards against the collapse of a search by gradient to skip connections, which train fastest and learn nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Collapse", "Guard"]


@dataclass(frozen=True)
class Collapse:
    """A collapse that was detected.

    Attributes:
        rule: `skips` or `eigenvalue`.
        epoch: after which it was seen, from 0.
        kept: the epoch whose architecture weights are used instead; None where there is none before it, and the skip
            limit alone mends the cell.
        reason: one line.
    """

    rule: str
    epoch: int
    kept: int | None
    reason: str

    def to_json(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)


@dataclass(frozen=True)
class Guard:
    """Ends a search where its cell collapses.

    - `skips`: the derived cell holds more than `most_skips` skip connections (DARTS+, Liang et al. 2019, arXiv
      1909.06035, which stops at two in eight edges). The last epoch without is kept.
    - `eigenvalue`: the dominant eigenvalue of ∇²_α L_held-out, averaged over `window` epochs, is over 1 / `ratio` times
      what it was `window - 1` epochs ago (R-DARTS, Zela et al. 2020, arXiv 1909.09656, section 4.3, ratio 0.75). That
      earlier epoch is kept.

    Neither is asked in the first quarter of a search, whose architecture weights are noise.

    Attributes:
        most_skips: limit of a kind of cell, also in what is derived at the end; None limits nothing.
        ratio: None asks no eigenvalue.
    """

    most_skips: int | None = 2
    ratio: float | None = 0.75
    window: int = 5

    def detect(
        self, epochs: int, skips: Sequence[Mapping[str, int]], eigenvalues: Sequence[float | None]
    ) -> Collapse | None:
        """What is to be said after the last of the epochs seen so far, of `epochs` in all."""
        now, first = len(skips) - 1, max(epochs // 4, 1)
        if now < first:
            return None
        return self._skips(now, first, skips) or self._eigenvalue(now, first, eigenvalues)

    def _skips(self, now: int, first: int, skips: Sequence[Mapping[str, int]]) -> Collapse | None:
        limit = self.most_skips
        if limit is None:
            return None
        over = {kind: count for kind, count in skips[now].items() if count > limit}
        if not over:
            return None
        kept = next((at for at in range(now - 1, first - 1, -1) if max(skips[at].values()) <= limit), None)
        counted = ", ".join(f"{count} in the {kind} cell" for kind, count in over.items())
        return Collapse("skips", now, kept, f"more than {limit} skip connections: {counted}")

    def _eigenvalue(self, now: int, first: int, eigenvalues: Sequence[float | None]) -> Collapse | None:
        back = self.window - 1
        if self.ratio is None or now - back - back < 0 or now - back < first:
            return None
        found = [abs(value) if value is not None else np.nan for value in eigenvalues]
        recent = float(np.mean(found[now - back : now + 1]))
        before = float(np.mean(found[now - 2 * back : now - back + 1]))
        if not recent > 0 or not before / recent < self.ratio:  # NaN says nothing
            return None
        reason = f"the dominant eigenvalue rose from {before:.3g} to {recent:.3g} in {back} epochs"
        return Collapse("eigenvalue", now, now - back, reason)
