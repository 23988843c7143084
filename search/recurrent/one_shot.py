"""ENAS and DARTS on shared weights: which cells of a space are worth a training of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from presage.architecture.recurrent.operations import FUNCTIONS
from presage.architecture.recurrent.spaces import CellSpace, RnnDarts
from presage.architecture.spaces.codes import Choice
from presage.errors import InvalidArgument
from presage.search.recurrent.shared_cells import SharedCells, optimizer_of, wiring_of
from presage.search.samplers.controller import Controller
from presage.search.samplers.policy_gradient import Reinforce
from presage.search.supernet.unrolled import first_order, second_order
from presage.training.text.fitting import chunk_count, chunks, columns, descend
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData

__all__ = ["OneShotCells", "darts_cells", "enas_cells"]

OnEpoch = Callable[[int], None]
Chunk = tuple[Tensor, Tensor]

REWARDED = 8
"""Cells that the controller is told of at once; and, times the cells that are wanted, how many it draws in the end."""


@dataclass(frozen=True)
class OneShotCells:
    """What a search on shared weights found.

    Attributes:
        params: parameters of cells, the most promising first.
        proxies: their mean cross-entropy on the validation text by the shared weights, nats a symbol (DARTS: none).
        losses: (e,) mean training loss of the shared weights.
        entropy: of the controller in the end, nats a parameter; of DARTS, of an edge's shares.
    """

    params: list[dict[str, Choice]]
    proxies: list[float]
    losses: list[float]
    entropy: float


class _Stream:
    """A text (n, b) chunk by chunk, again and again, with the state that is carried on."""

    def __init__(self, text: Tensor, length: int) -> None:
        self.text, self.length = text, length
        self.h: Tensor | None = None
        self._chunks = self._endless()

    def next(self) -> tuple[Tensor, Tensor]:
        return next(self._chunks)

    def _endless(self) -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            self.h = None
            yield from chunks(self.text, self.length)


def enas_cells(
    data: TextData,
    space: CellSpace,
    recipe: TextRecipe,
    *,
    count: int,
    seed: int,
    device: str | torch.device = "cpu",
    on_epoch: OnEpoch | None = None,
) -> OneShotCells:
    """ENAS (arXiv 1802.03268, section 2.2): in each epoch the shared weights learn from the training text, a cell drawn
    for each chunk; then the controller learns from how well its cells do on chunks of the validation text.

    Args:
        count: cells that are wanted: the best by the shared weights of `REWARDED` times as many.

    Raises:
        InvalidArgument: a space whose cells share no weights.
    """
    states = _states(space)
    where = torch.device(device)
    parts = columns(data, recipe, where)
    with torch.random.fork_rng([where] if where.type == "cuda" else []):
        torch.manual_seed(seed)
        model = SharedCells(states, len(data.symbols)).to(where)
        controller = Controller(space, temperature=5.0, tanh_constant=2.5, seed=seed)
        rule = Reinforce(controller, learning_rate=0.01, entropy_weight=0.05)
        generator = torch.Generator().manual_seed(seed)
        optimizer = optimizer_of(model, recipe)
        train, validation = (_Stream(text, recipe.sequence_length) for text in (parts.train, parts.validation))
        each = chunk_count(parts.train, recipe.sequence_length)
        losses = []
        for epoch in range(recipe.epochs):
            total = 0.0
            for code in controller.draw(each, generator):
                symbols, following = train.next()
                logits, h = model(symbols, train.h, wiring_of(space, space.params(code)))
                train.h = h.detach()
                total += _descend(model, optimizer, _loss(logits, following), recipe)
            losses.append(total / each)
            for _ in range(max(each // REWARDED, 1)):
                codes = controller.draw(REWARDED, generator)
                rewards = [-_judged(model, *validation.next(), space, code) for code in codes]
                rule.update(codes, np.array(rewards))
            if on_epoch is not None:
                on_epoch(epoch + 1)
        drawn = np.unique(controller.draw(REWARDED * count, generator), axis=0)
        proxies = np.array([_whole(model, parts.validation, space, code, recipe) for code in drawn])
        best = np.argsort(proxies, kind="stable")[:count]
        entropy = float(controller.evaluate(drawn)[1].mean().detach()) / drawn.shape[1]
    return OneShotCells([space.params(drawn[at]) for at in best], proxies[best].tolist(), losses, entropy)


def darts_cells(
    data: TextData,
    space: CellSpace,
    recipe: TextRecipe,
    *,
    seed: int,
    device: str | torch.device = "cpu",
    on_epoch: OnEpoch | None = None,
    unrolled: bool = False,
) -> OneShotCells:
    """DARTS (arXiv 1806.09055): weights learn from the training text and the shares of the activations on every edge
    from the validation text, in turn; the cell takes of each state the strongest edge and activation.

    Args:
        unrolled: second order (equations 6 to 8): the shares' gradient goes through one step of the weights, as long as
            the steps of their optimizer are.

    Raises:
        InvalidArgument: another space than `rnn_darts`.
    """
    if not isinstance(space, RnnDarts):
        raise InvalidArgument("space", "darts-second" if unrolled else "darts-first", "be rnn_darts", space.name)
    where = torch.device(device)
    parts = columns(data, recipe, where)
    edges = space.nodes * (space.nodes + 1) // 2
    with torch.random.fork_rng([where] if where.type == "cuda" else []):
        torch.manual_seed(seed)
        model = SharedCells(_states(space), len(data.symbols), relaxed=True).to(where)
        alpha = torch.randn(edges, 1 + len(FUNCTIONS)).mul_(1e-3).to(where).requires_grad_()
        optimizer = optimizer_of(model, recipe)
        chooser = torch.optim.Adam([alpha], lr=0.01, betas=(0.5, 0.999))
        train, validation = (_Stream(text, recipe.sequence_length) for text in (parts.train, parts.validation))
        each = chunk_count(parts.train, recipe.sequence_length)
        weights, losses = list(model.parameters()), []
        for epoch in range(recipe.epochs):
            total = 0.0
            for _ in range(each):
                held, told = validation.next(), train.next()
                carried = validation.h

                def held_out(held: Chunk = held, carried: Tensor | None = carried) -> Tensor:
                    logits, h = model(held[0], carried, alpha.softmax(dim=1))
                    validation.h = h.detach()
                    return _loss(logits, held[1])

                def training(told: Chunk = told) -> Tensor:
                    return _loss(model(told[0], train.h, alpha.softmax(dim=1))[0], told[1])

                if unrolled:
                    rate = _unrolled_rate(optimizer, weights)
                    (alpha.grad,) = second_order(training, held_out, weights, [alpha], rate=rate)
                else:
                    (alpha.grad,) = first_order(held_out, [alpha])
                chooser.step()
                symbols, following = told
                logits, h = model(symbols, train.h, alpha.detach().softmax(dim=1))
                train.h = h.detach()
                total += _descend(model, optimizer, _loss(logits, following), recipe)
            losses.append(total / each)
            if on_epoch is not None:
                on_epoch(epoch + 1)
        shares = alpha.detach().softmax(dim=1).cpu()
    return OneShotCells([derived(space, shares)], [], losses, float(-(shares * shares.log()).sum(dim=1).mean()))


def _unrolled_rate(optimizer: torch.optim.Optimizer, weights: Sequence[Tensor]) -> float:
    """ξ by which a step along the latest gradient is as long as Adam's, which moves each of N weights by about the
    learning rate η: η √N / ‖g‖; η before there is a gradient."""
    rate = float(optimizer.param_groups[0]["lr"])
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    norm = float(torch.stack([one.square().sum() for one in gradients]).sum().sqrt()) if gradients else 0.0
    return rate * math.sqrt(sum(weight.numel() for weight in weights)) / norm if norm > 0 else rate


def derived(space: RnnDarts, shares: Tensor) -> dict[str, Choice]:
    """The cell of the strongest edge into each state, by its strongest activation, `none` apart.

    Args:
        shares: (edges, 1 + activations); edges into state 1 first, of each state from its earliest source on.
    """
    genotype, first = [], 0
    for node in range(space.nodes):
        strength = shares[first : first + node + 1, 1:]
        source = int(strength.max(dim=1).values.argmax())
        genotype.append((FUNCTIONS[int(strength[source].argmax())], source))
        first += node + 1
    return space.from_genotype(genotype)


def _states(space: CellSpace) -> int:
    """Of a cell, the first included."""
    return 1 + len(wiring_of(space, space.params(np.zeros(len(space.sizes), np.int64))).nodes)


def _loss(logits: Tensor, following: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), following.flatten())


def _descend(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, recipe: TextRecipe) -> float:
    descend(model, optimizer, loss, recipe.clip)
    return float(loss.detach())


@torch.no_grad()
def _judged(model: SharedCells, symbols: Tensor, following: Tensor, space: CellSpace, code: np.ndarray) -> float:
    """Loss of a cell on one chunk, from a state of zeros."""
    return float(_loss(model(symbols, None, wiring_of(space, space.params(code)))[0], following))


@torch.no_grad()
def _whole(model: SharedCells, text: Tensor, space: CellSpace, code: np.ndarray, recipe: TextRecipe) -> float:
    """Loss of a cell on a whole text, nats a symbol."""
    wiring, h, total = wiring_of(space, space.params(code)), None, 0.0
    for symbols, following in chunks(text, recipe.sequence_length):
        logits, h = model(symbols, h, wiring)
        total += float(_loss(logits, following)) * following.numel()
    return total / ((len(text) - 1) * text.shape[1])
