"""Training of a recurrent cell on a text: one loop, which a seed repeats."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from presage.architecture.recurrent.cell import RecurrentCell
from presage.training.checkpoint import load_checkpoint, restoring, save_checkpoint
from presage.training.datasets.refusing import refusal
from presage.training.eager import keep_eager, take_step
from presage.training.schedule import rate_share
from presage.training.text.language_model import LanguageModel, model_sizes
from presage.training.text.metrics import of_loss
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData

__all__ = [
    "Columns", "TextTraining", "chunk_count", "chunks", "columns", "descend", "mean_loss", "new_model", "train_text",
]  # fmt: skip

OnEpoch = Callable[[int, float], None]

EVALUATED_BATCH = 10
"""Places of the validation and of the test text that are read side by side; each begins with states of zero."""


@dataclass(frozen=True, eq=False)
class TextTraining:
    """What came of a training.

    Attributes:
        status: `finished`, or `diverged` where the loss became NaN or infinite.
        metric: name of the metric that all values here are of; the lower the better.
        value: on the validation text after the last epoch; None unless finished.
        test_value: on the test text; None unless finished.
        curve: (e,) on the validation text, by epoch.
        train_losses: (e,) mean cross-entropy of training, nats a symbol.
        parameters: learned numbers.
        hidden, embedding: sizes.
        seconds: wall-clock.
        device: that it ran on.
        model: the trained network, on the CPU; None unless finished.
    """

    status: str
    metric: str
    value: float | None
    test_value: float | None
    curve: tuple[float, ...]
    train_losses: tuple[float, ...]
    parameters: int
    hidden: int
    embedding: int
    seconds: float
    device: torch.device
    model: LanguageModel | None


@dataclass(frozen=True)
class Columns:
    """Symbols of the training text (n, b), and of the validation and test text."""

    train: Tensor
    validation: Tensor
    test: Tensor


def train_text(
    data: TextData,
    cell: RecurrentCell,
    recipe: TextRecipe,
    seed: int = 0,
    device: str | torch.device = "cpu",
    on_epoch: OnEpoch | None = None,
    *,
    checkpoint: Path | None = None,
) -> TextTraining:
    """Train a cell on a text.

    Args:
        seed: of weights and masks.
        on_epoch: told how many epochs are done, and the validation metric.
        checkpoint: file that every epoch is put down in: a training that was stopped goes on from it, to the same
            result. What another training left there counts for nothing. It stays, so that a training that is over is
            not repeated either.

    Raises:
        InvalidDataset: the text is shorter than one batch.
        InvalidArgument: sizes that do not fit; or a checkpoint that presage did not write.
        StorageFull: the disk is full.
    """
    begun, where = time.perf_counter(), torch.device(device)
    parts = columns(data, recipe, where)
    with torch.random.fork_rng([where] if where.type == "cuda" else []):
        torch.manual_seed(seed)
        state = _State(new_model(data, cell, recipe).to(where), recipe)
        kept = None
        if checkpoint is not None:
            kept = _Kept(checkpoint, [data.fingerprint, cell.hash, recipe.hash, seed], begun)
            kept.restore(state, where)
        _epochs(state, parts, data.metric, recipe, on_epoch, kept)
    final = state.model if state.average is None else state.average
    done = len(state.curve) == recipe.epochs
    test = of_loss(data.metric, mean_loss(final, parts.test, recipe)) if done else None
    return TextTraining(
        status="finished" if done else "diverged",
        metric=data.metric,
        value=state.curve[-1] if done else None,
        test_value=test,
        curve=tuple(state.curve),
        train_losses=tuple(state.losses[: len(state.curve)]),
        parameters=sum(weight.numel() for weight in state.model.parameters()),
        hidden=state.model.recurrent.hidden,
        embedding=state.model.recurrent.width,
        seconds=time.perf_counter() - begun + (0.0 if kept is None else kept.before),
        device=where,
        model=final.cpu().eval() if done else None,
    )


def new_model(data: TextData, cell: RecurrentCell, recipe: TextRecipe) -> LanguageModel:
    """A network that has not learned yet, its weights drawn from torch's generator."""
    embedding, hidden = model_sizes(cell, len(data.symbols), recipe)
    return LanguageModel(
        cell,
        len(data.symbols),
        embedding,
        hidden,
        tied=recipe.tied,
        dropout=recipe.dropout,
        recurrent_dropout=recipe.recurrent_dropout,
    )


def columns(data: TextData, recipe: TextRecipe, device: torch.device) -> Columns:
    """The three texts as columns that are read side by side.

    Raises:
        InvalidDataset: one of them is shorter than one batch.
    """
    train, validation, test = data.parts
    train = train[: recipe.train_symbols]
    validation, test = validation[: recipe.validation_symbols], test[: recipe.validation_symbols]
    least = recipe.batch * (recipe.sequence_length + 1)
    if len(train) < least:
        sizes = f"{recipe.batch} × ({recipe.sequence_length} + 1) for one batch"
        rule = f"have at least {least:,} symbols to train on, {sizes}"
        hint = "Take a longer text, or a smaller `batch` or `sequence_length`."
        raise refusal("text", data.name, rule, f"{len(train):,}", hint)
    for part, name in ((validation, "validation"), (test, "test")):
        if len(part) < 2 * EVALUATED_BATCH:
            raise refusal("text", data.name, f"have at least {2 * EVALUATED_BATCH} symbols for {name}", len(part))
    return Columns(
        _side_by_side(train, recipe.batch, device),
        _side_by_side(validation, EVALUATED_BATCH, device),
        _side_by_side(test, EVALUATED_BATCH, device),
    )


def chunks(text: Tensor, length: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Symbols and those after each, (t, b), t at most `length`, in the text's order."""
    for first in range(0, len(text) - 1, length):
        end = min(first + length, len(text) - 1)
        yield text[first:end], text[first + 1 : end + 1]


def chunk_count(text: Tensor, length: int) -> int:
    """How many `chunks` there are."""
    return math.ceil((len(text) - 1) / length)


def descend(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Tensor, clip: float) -> None:
    """One step of the optimizer, the gradient no longer than `clip`."""
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
    take_step(optimizer)


@torch.no_grad()
def mean_loss(model: nn.Module, text: Tensor, recipe: TextRecipe) -> float:
    """Mean cross-entropy over a text (n, b), in nats a symbol, the state carried on."""
    was, states, total = model.training, None, 0.0
    model.eval()
    for symbols, following in chunks(text, 4 * recipe.sequence_length):
        logits, states = model(symbols, states)
        total += float(F.cross_entropy(logits.flatten(0, 1).float(), following.flatten(), reduction="sum"))
    model.train(was)
    return total / ((len(text) - 1) * text.shape[1])


def optimizer_of(model: nn.Module, recipe: TextRecipe) -> torch.optim.Optimizer:
    """Weight decay is on weights of two axes alone."""
    keep_eager()
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    others = [weight for weight in model.parameters() if weight.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.99))
    return torch.optim.SGD(groups, lr=recipe.learning_rate)


class _State:
    """Where a training stands: network, optimizer, curve, training losses, and the averaged network where there is one,
    of so many steps."""

    def __init__(self, model: LanguageModel, recipe: TextRecipe) -> None:
        self.model, self.optimizer = model, optimizer_of(model, recipe)
        self.curve: list[float] = []
        self.losses: list[float] = []
        self.average: LanguageModel | None = None
        self.averaged = 0


class _Kept:
    """The file that a training is put down in after each epoch.

    Args:
        identity: of the training.
        begun: time of `time.perf_counter` when it began, or was taken up.

    Attributes:
        before: seconds that it took before it was taken up.
    """

    def __init__(self, path: Path, identity: list[Any], begun: float) -> None:
        self.path, self.identity, self.before, self._begun = path, identity, 0.0, begun

    def restore(self, state: _State, device: torch.device) -> None:
        """Take the training up where it was, if it is this one."""
        found = load_checkpoint(self.path, device)
        if found is None or found.get("identity") != self.identity:
            return
        with restoring(self.path):
            state.model.load_state_dict(found["model"])
            state.optimizer.load_state_dict(found["optimizer"])
            state.curve, state.losses = list(found["curve"]), list(found["losses"])
            if found["average"] is not None:
                state.average = deepcopy(state.model)
                state.average.load_state_dict(found["average"])
            state.averaged, self.before = int(found["averaged"]), float(found["seconds"])
            torch.set_rng_state(found["random"].cpu())
            if device.type == "cuda" and found["random_cuda"] is not None:
                torch.cuda.set_rng_state(found["random_cuda"].cpu(), device)

    def put_down(self, state: _State) -> None:
        """After an epoch."""
        device = next(state.model.parameters()).device
        save_checkpoint(
            self.path,
            {
                "identity": self.identity,
                "model": state.model.state_dict(),
                "optimizer": state.optimizer.state_dict(),
                "curve": state.curve,
                "losses": state.losses,
                "average": None if state.average is None else state.average.state_dict(),
                "averaged": state.averaged,
                "seconds": self.before + time.perf_counter() - self._begun,
                "random": torch.get_rng_state(),
                "random_cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
            },
        )


def _epochs(
    state: _State, parts: Columns, metric: str, recipe: TextRecipe, on_epoch: OnEpoch | None, kept: _Kept | None
) -> None:
    """Train to the end, or until the loss is no number."""
    model, optimizer = state.model, state.optimizer
    each = chunk_count(parts.train, recipe.sequence_length)
    for epoch in range(len(state.curve), recipe.epochs):
        states: tuple[Tensor, ...] | None = None
        total = torch.zeros((), device=parts.train.device)
        for at, (symbols, following) in enumerate(chunks(parts.train, recipe.sequence_length)):
            share = rate_share(recipe.schedule, recipe.warmup, epoch * each + at, recipe.epochs * each)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * share
            logits, states = model(symbols, None if states is None else [one.detach() for one in states])
            loss = F.cross_entropy(logits.flatten(0, 1), following.flatten())
            descend(model, optimizer, loss, recipe.clip)
            total += loss.detach()
            if state.average is not None:
                state.averaged += 1
                for mean, now in zip(state.average.parameters(), model.parameters(), strict=True):
                    mean.data.lerp_(now.data, 1 / state.averaged)
        state.losses.append(float(total) / each)
        value = of_loss(metric, mean_loss(state.average or model, parts.validation, recipe))
        if not (math.isfinite(state.losses[-1]) and math.isfinite(value)):
            break
        state.curve.append(value)
        stalls = len(state.curve) > recipe.patience and value > min(state.curve[: -recipe.patience])
        if recipe.optimizer == "asgd" and state.average is None and stalls:
            state.average = deepcopy(model)
        if kept is not None:
            kept.put_down(state)
        if on_epoch is not None:
            on_epoch(epoch + 1, value)


def _side_by_side(text: NDArray[np.int32], batch: int, device: torch.device) -> Tensor:
    """(n, b): each column a part of the text; what does not fill the last row is left out."""
    rows = len(text) // batch
    found = torch.from_numpy(np.ascontiguousarray(text[: rows * batch].reshape(batch, rows).T))
    return found.long().to(device)
