"""The network inside `TapLSTM`: two stacked LSTMs over a network's layers, and how it is trained.

Once trained it is read by `presage.surrogate.predictors.tap_reading`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import cos, pi

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from presage.surrogate.data.sequences import padded, starts_of
from presage.training.eager import keep_eager, take_step
from presage.training.hardware import one_thread

__all__ = ["Examples", "TapNetwork", "Training", "train"]


class TapNetwork(nn.Module):
    """Layer by layer, the relative accuracy that the network so far would have within its task.

    The first LSTM reads the layers; the second reads its outputs, the task, and what was predicted for the network one
    layer shorter, as TAPAS feeds the predicted accuracy forward. The prediction is linear in the second LSTM's output
    h, p_t = v·h_t + c, so feeding it forward through weights w is the same as adding w vᵀ to the recurrent weights and
    c w to the bias: exact, and torch's own LSTM can do all steps at once.

    Args:
        features: of a layer.
        task_features: of a task.
        first: outputs of the first LSTM.
        second: outputs of the second.
        generator: of the initial weights.
    """

    def __init__(self, features: int, task_features: int, first: int, second: int, generator: torch.Generator) -> None:
        super().__init__()
        self.second = second
        self.layers = nn.LSTM(features, first, batch_first=True)
        self.input_weight = nn.Parameter(torch.empty(4 * second, first + task_features))
        self.recurrent_weight = nn.Parameter(torch.empty(4 * second, second))
        self.feedback_weight = nn.Parameter(torch.empty(4 * second, 1))
        self.bias = nn.Parameter(torch.zeros(4 * second))
        self.head = nn.Parameter(torch.empty(1, second))
        self.offset = nn.Parameter(torch.zeros(1))
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.dim() == 2:
                    bound = parameter.shape[1] ** -0.5
                    parameter.uniform_(-bound, bound, generator=generator)
            for name, bias in self.named_parameters():
                if "bias" in name:
                    size = len(bias) // 4
                    bias.zero_()
                    bias[size : 2 * size] = 0.5  # of the forget gates: remember at first

    def forward(self, layers: Tensor, task: Tensor) -> Tensor:
        """(b, t, f) layers and (b, q) task → (b, t) relative accuracies."""
        seen, _ = self.layers(layers)  # (b, t, first)
        inputs = torch.cat([seen, task[:, None, :].expand(-1, seen.shape[1], -1)], dim=2)
        recurrent = self.recurrent_weight + self.feedback_weight @ self.head
        bias = self.bias + self.offset * self.feedback_weight[:, 0]
        start = inputs.new_zeros(1, len(inputs), self.second)
        weights = [self.input_weight, recurrent, bias, torch.zeros_like(bias)]
        hidden = torch.lstm(inputs, [start, start], weights, True, 1, 0.0, self.training, False, True)[0]
        return (hidden @ self.head.T).squeeze(2) + self.offset


@dataclass(frozen=True, eq=False)
class Examples:
    """n networks to learn from.

    Attributes:
        layers: (l, f) standardised, network by network.
        lengths: (n,) layers of each.
        task: (n, q) standardised features of the task.
        relative: (n,) relative accuracy of the whole network.
        relative_by_depth: (l,) of its prefixes, NaN where not measured.
        weight: (n,) of each row.
        group: (n,) task of each row; only rows of one task are compared.
    """

    layers: NDArray[np.float32]
    lengths: NDArray[np.int64]
    task: Tensor
    relative: Tensor
    relative_by_depth: NDArray[np.float32]
    weight: Tensor
    group: Tensor

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """(n,) first of the layers of each."""
        return starts_of(self.lengths)

    def batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
        """(b, t, f) layers, zero past a network's end; (b, t) `relative_by_depth`, NaN there; (b,) lengths.

        t is the longest of these rows.
        """
        starts, lengths = self.starts[rows], self.lengths[rows]
        depth = padded(self.relative_by_depth, starts, lengths, np.nan)
        layers = padded(self.layers, starts, lengths)
        return torch.from_numpy(layers), torch.from_numpy(depth), torch.from_numpy(lengths)


@dataclass(frozen=True)
class Training:
    """How the network is trained: AdamW, one cosine from warm-up to 0."""

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    noise: float
    depth_weight: float
    rank_weight: float


@one_thread()
def train(network: TapNetwork, examples: Examples, how: Training, generator: torch.Generator) -> None:
    """Trains in place. All randomness comes from `generator`."""
    n = len(examples.relative)
    steps = -(-n // how.batch) * how.epochs
    keep_eager()
    optimizer = torch.optim.AdamW(network.parameters(), lr=how.learning_rate, weight_decay=how.weight_decay)
    step = 0
    network.train()
    for _ in range(how.epochs):
        for rows in _batches(torch.from_numpy(examples.lengths), how.batch, generator):
            layers, depth, lengths = examples.batch(rows.numpy())
            layers = layers * (1 + how.noise * torch.randn(layers.shape[0], 1, layers.shape[2], generator=generator))
            predicted = network(layers, examples.task[rows])
            loss = _loss(predicted, lengths, depth, examples, rows, how)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            for settings in optimizer.param_groups:
                settings["lr"] = how.learning_rate * _share(step, steps)
            take_step(optimizer)
            step += 1
    network.eval()


def _batches(lengths: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """Every row once, in batches of networks of about the same length, in random order: less padding to compute."""
    key = lengths + 4.0 * torch.rand(len(lengths), generator=generator)
    batches = torch.split(torch.argsort(key), size)
    return [batches[i] for i in torch.randperm(len(batches), generator=generator).tolist()]


def _share(step: int, steps: int, warm_up: float = 0.2) -> float:
    """Of the peak rate: linearly up, then half a cosine down."""
    at = (step + 1) / (steps + 1)
    return at / warm_up if at < warm_up else 0.5 * (1 + cos(pi * (at - warm_up) / (1 - warm_up)))


def _loss(predicted: Tensor, lengths: Tensor, depth: Tensor, examples: Examples, rows: Tensor, how: Training) -> Tensor:
    """Huber loss of the whole network's relative accuracy, of its prefixes'; logistic loss of pairs within a task."""
    last = predicted.gather(1, lengths[:, None] - 1).squeeze(1)  # (b,)
    truth, weight = examples.relative[rows], examples.weight[rows]
    loss = (weight * F.huber_loss(last, truth, reduction="none")).mean()
    measured = ~depth.isnan()
    if how.depth_weight and measured.any():
        loss = loss + how.depth_weight * F.huber_loss(predicted[measured], depth[measured])
    if how.rank_weight:
        group = examples.group[rows]
        gap = truth[:, None] - truth[None, :]
        pairs = (group[:, None] == group[None, :]) & (gap > 0.1)
        if pairs.any():
            lead = (last[:, None] - last[None, :])[pairs]
            loss = loss + how.rank_weight * F.softplus(-2.0 * lead).mean()
    return loss
