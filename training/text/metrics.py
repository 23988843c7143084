"""How good a network for text is: two metrics, each with its name, and neither an accuracy."""

from __future__ import annotations

import math

from presage.records.text_experiment import TEXT_METRICS

__all__ = ["BITS_PER_CHARACTER", "PERPLEXITY", "of_loss"]

BITS_PER_CHARACTER, PERPLEXITY = TEXT_METRICS
"""Of characters and of words. The lower the better."""


def of_loss(metric: str, loss: float) -> float:
    """The metric of a mean cross-entropy in nats a symbol: loss / ln 2, or e to the loss."""
    if metric == BITS_PER_CHARACTER:
        return loss / math.log(2)
    return math.exp(loss) if loss < 700 else math.inf
