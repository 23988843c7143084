"""`LanguageModel`: an embedding, a recurrent cell and a classifier of the next symbol."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.torch_bridge.recurrent import Recurrent
from presage.errors import InvalidArgument
from presage.training.text.recipe import TextRecipe

__all__ = ["LanguageModel", "model_parameters", "model_sizes"]


class LanguageModel(nn.Module):
    """Symbols (t, b) → logits (t, b, k) of the symbol after each, and the states after the last.

    Args:
        cell: what it does at a symbol.
        symbols: k, size of the vocabulary.
        embedding: e, numbers that stand for a symbol.
        hidden: h, numbers of a state.
        tied: symbols are read and written by one matrix; needs e = h.
        dropout, recurrent_dropout: see `TextRecipe`; masks are drawn for each call.
    """

    def __init__(
        self,
        cell: RecurrentCell,
        symbols: int,
        embedding: int,
        hidden: int,
        *,
        tied: bool = False,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.recurrent = Recurrent(cell, embedding, hidden)
        self.classifier = nn.Linear(hidden, symbols)
        bound = 0.1
        with torch.no_grad():
            self.embedding.weight.uniform_(-bound, bound)
            self.classifier.bias.zero_()
        self.tied = tied
        if tied:
            self.classifier.weight = self.embedding.weight
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout

    def forward(self, symbols: Tensor, states: Sequence[Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        x = self.embedding(symbols)  # (t, b, e)
        within = None
        if self.training and self.dropout:
            x = x * _mask(x[0], self.dropout)
        if self.training and self.recurrent_dropout:
            within = _mask(x.new_empty(x.shape[1], self.recurrent.hidden), self.recurrent_dropout)
        y, after = self.recurrent(x, states, within)
        if self.training and self.dropout:
            y = y * _mask(y[0], self.dropout)
        return self.classifier(y), after


def _mask(like: Tensor, share: float) -> Tensor:
    """One mask for all steps of a sequence: 0, or what keeps the mean."""
    return torch.empty_like(like).bernoulli_(1 - share).div_(1 - share)


def model_sizes(cell: RecurrentCell, symbols: int, recipe: TextRecipe) -> tuple[int, int]:
    """Embedding and hidden size by a recipe: the given ones, or the largest within its `parameters`.

    Raises:
        InvalidArgument: not even a state of one number keeps within them.
    """
    most = recipe.parameters
    if most is None:
        return recipe.embedding or recipe.hidden, recipe.hidden

    def fits(hidden: int) -> bool:
        return model_parameters(cell, symbols, recipe.embedding or hidden, hidden, recipe.tied) <= most

    if not fits(1):
        least = model_parameters(cell, symbols, recipe.embedding or 1, 1, recipe.tied)
        raise InvalidArgument("parameters", "TextRecipe", f"be at least {least:,} for {symbols:,} symbols", most)
    low, high = 1, 2
    while fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    if recipe.tied and recipe.embedding not in (0, low):
        raise InvalidArgument(
            "embedding", "TextRecipe", "be 0 where `tied` and `parameters` are given", recipe.embedding
        )
    return recipe.embedding or low, low


def model_parameters(cell: RecurrentCell, symbols: int, embedding: int, hidden: int, tied: bool) -> int:
    """Learned numbers of a `LanguageModel`."""
    return symbols * embedding + cell.parameters(hidden, embedding) + (0 if tied else symbols * hidden) + symbols
