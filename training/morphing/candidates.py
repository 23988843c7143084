"""Candidate layers of a network, trained beside it without being heard: `CandidateLayers` (Petridish).

Each candidate reads what the network computes behind a *stop-gradient*, and is added to a later node behind a
*stop-forward*: forward it adds zeros, backward its weights have the gradient that they would have if it added what it
computes. So the network learns as if there were none, and each candidate learns to lower its loss, as a weak learner of
gradient boosting does.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn

from presage.architecture.graph import Architecture
from presage.architecture.morphing.branching import Branched, Shared, with_branches
from presage.architecture.morphing.morphism import FRESH, Start
from presage.architecture.torch_bridge.build import Network
from presage.training.loop import fixed_randomness

__all__ = ["CandidateLayers"]


class _Penalised(torch.autograd.Function):
    """A weight whose loss has its absolute value, times a factor, besides."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, factor: float) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.factor = factor
        return weight.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (weight,) = ctx.saved_tensors
        return gradients[0] + ctx.factor * weight.sign(), None


class _StopGradient(nn.Module):
    """A module whose input learns nothing of it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.inner(x.detach())
        return made


class _StopForward(nn.Module):
    """A module that gives zeros, times a weight α that learns, as the module does, as if it gave what it computes.

    Args:
        inner: the last of a candidate; its own weights do not learn.
        channels: where given, what it computes is normalised first.
        alpha: α; the same parameter in each repetition of a cell.
        penalty: of α's absolute value, whenever it is used.
    """

    def __init__(self, inner: nn.Module, channels: int | None, alpha: nn.Parameter, penalty: float) -> None:
        super().__init__()
        self.inner = inner.requires_grad_(False)
        self.norm = nn.Identity() if channels is None else nn.BatchNorm2d(channels, affine=False)
        self.alpha = alpha
        self.penalty = penalty

    def forward(self, x: Tensor) -> Tensor:
        weight = _Penalised.apply(self.alpha, self.penalty)
        made: Tensor = weight * self.norm(self.inner(x))
        return made - made.detach()


class CandidateLayers:
    """A network with candidates beside it.

    Reference: Hu et al., *Efficient Forward Architecture Search*, 2019, arXiv 1905.13360, sections 3.1 to 3.3. Each
    candidate is normalised, weighted by one α with an L1 penalty, and added by itself: the paper joins those that are
    chosen by a concatenation and a projection. In cells a candidate stands in every repetition, there with weights of
    its own; its one α has the sum of their gradients, as the statistics of the authors' cells are sums.

    Attributes:
        module: what is to be trained.

    Args:
        network: the one that they stand beside; its weights are copied.
        candidates: each a branch, or the same branch in every repetition of a cell.
        penalty: of the absolute value of each α.
        seed: of the candidates' weights.
    """

    def __init__(
        self, network: Network, input_shape: Sequence[int], classes: int, candidates: Sequence[Shared],
        penalty: float, seed: int,
    ) -> None:  # fmt: skip
        self._parent, self._shape, self._classes = network.architecture, tuple(input_shape), classes
        self._candidates = tuple(candidates)
        self._graph = self._with(range(len(candidates)))
        with fixed_randomness(seed, torch.device("cpu")):
            self.module = Network(self._graph.architecture, input_shape, classes)
        before, state = network.state_dict(), self.module.state_dict()
        for name in state:
            at, rest = name.split(".", 1)
            branch, place = self._graph.keys[int(at.removeprefix("n"))]
            if branch == FRESH:
                state[name] = before[f"n{place}.{rest}"].cpu()
        self.module.load_state_dict(state)
        self._lasts = [
            [self._silence(number, alpha, penalty / len(numbers)) for number in numbers]
            for numbers in self._numbers
            for alpha in [nn.Parameter(torch.ones(()))]
        ]

    @cached_property
    def _numbers(self) -> list[list[int]]:
        """Of each candidate the numbers of its branches, counted through all of them."""
        ends = [0, *accumulate(map(len, self._candidates))]
        return [[*range(begin, end)] for begin, end in pairwise(ends)]

    def _silence(self, number: int, alpha: nn.Parameter, penalty: float) -> int:
        """Put one branch behind a stop-gradient and a stop-forward; gives the node of the latter."""
        places = sorted(at for key, at in _places(self._graph).items() if key[0] == number)
        weighted = [at for at in places if hasattr(self.module, f"n{at}")]
        first, last = weighted[0], weighted[-1]
        ending = getattr(self.module, f"n{last}")
        channels = None if isinstance(ending, nn.modules.batchnorm._BatchNorm) else self.module.shapes[last][0]
        setattr(self.module, f"n{last}", _StopForward(ending, channels, alpha, penalty))
        setattr(self.module, f"n{first}", _StopGradient(getattr(self.module, f"n{first}")))
        return last

    def weights(self) -> list[float]:
        """α of each candidate, in their order."""
        state = self._state()
        return [float(state[f"n{lasts[0]}.alpha"]) for lasts in self._lasts]

    def chosen(self, most: int) -> list[int]:
        """Of the candidates for each node the `most` whose α is largest, and not zero; in their order."""
        weights = [abs(value) for value in self.weights()]
        found: list[int] = []
        for to in sorted({one[0].to for one in self._candidates}):
            of_node = [at for at, one in enumerate(self._candidates) if one[0].to == to and weights[at] > 0]
            found += sorted(of_node, key=lambda number: -weights[number])[:most]
        return sorted(found)

    def graph(self, chosen: Sequence[int]) -> Architecture:
        """The network with some of the candidates."""
        return self._with(chosen).architecture

    @torch.no_grad()
    def child(self, chosen: Sequence[int]) -> Network:
        """The same with the weights as they are now, on the CPU, in evaluation mode. What is chosen keeps what it
        learned, and is not heard at first: its last weights are zero, and the logits are the network's."""
        graph, numbers = self._with(chosen), [number for at in chosen for number in self._numbers[at]]
        found = Network(graph.architecture, self._shape, self._classes)
        state, own, places = found.state_dict(), self._state(), _places(self._graph)
        for name in state:
            at, rest = name.split(".", 1)
            branch, place = graph.keys[int(at.removeprefix("n"))]
            key = (branch if branch == FRESH else numbers[branch], place)
            state[name] = own[f"n{places[key]}.{rest}"].cpu()
        found.load_state_dict(state)
        for key, start in graph.starts.items():
            if start is Start.ZERO:
                found.get_submodule(f"n{graph.place(key)}").weight.zero_()  # type: ignore[operator]
        return found.eval()

    def _with(self, chosen: Sequence[int]) -> Branched:
        branches = [branch for at in chosen for branch in self._candidates[at]]
        return with_branches(self._parent, self._shape, self._classes, branches)

    def _state(self) -> dict[str, Tensor]:
        """Of the module, names as if nothing stood around its nodes."""
        return {name.replace(".inner", ""): value for name, value in self.module.state_dict().items()}


def _places(graph: Branched) -> dict[tuple[int, int], int]:
    return {key: at for at, key in enumerate(graph.keys)}
