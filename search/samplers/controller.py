"""A recurrent controller that writes the parameters of a network one by one."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from presage.architecture.spaces.code_space import CodeSpace
from presage.architecture.spaces.codes import Codes
from presage.errors import InvalidArgument

__all__ = ["Controller"]

Mask = NDArray[np.bool_]
_START, _INACTIVE, _CHOICES = 0, 1, 2  # rows of the embedding; those of the choices follow one another
_REDRAWS = 20  # of codes that are no network, before the space is asked for the rest


class Controller(nn.Module):
    """An LSTM over the p parameters of a space: a distribution over its codes that can be sampled and differentiated.

    Step j sees the choice made at step j-1 and gives the logits of parameter j, so that

        log π(code) = Σ_j log π(code_j | code_1 … code_{j-1})     over the active parameters.

    An inactive parameter is skipped: choice 0 with probability 1, shown to the next step as one word, "inactive".
    Whether a parameter is active must follow from those before it. Logits z become C · tanh(z / T), which bounds how
    sure the controller can get. Untrained, it draws every choice of every parameter equally often.

    A skip connection (`Space.skip_parameters`) gets one logit more by attention over anchor points: the state in which
    the first connection into a layer is decided is that layer's anchor, and a connection from layer i has

        v · tanh(W_earlier anchor_i + W_now h_j)

    added to every choice but "none" (set-selection attention, section 3.3 of 1611.01578). A layer that no connection
    leads into has a learned anchor.

    References: Zoph & Le, arXiv 1611.01578; Pham et al. (ENAS), arXiv 1802.03268, whose T and C are `temperature` 5
    and `tanh_constant` 2.5.

    Args:
        space: whose codes it writes.
        hidden: width of the LSTM; the embedding of choices has half of it.
        temperature: T; larger draws more evenly.
        tanh_constant: C; None leaves logits unbounded (z / T).
        seed: of the initial weights.
    """

    def __init__(
        self,
        space: CodeSpace,
        *,
        hidden: int = 32,
        temperature: float = 1.0,
        tanh_constant: float | None = 2.5,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if hidden < 1:
            raise InvalidArgument("hidden", "Controller", "be at least 1", hidden)
        if not temperature > 0:
            raise InvalidArgument("temperature", "Controller", "be over 0", temperature)
        if tanh_constant is not None and not tanh_constant > 0:
            raise InvalidArgument("tanh_constant", "Controller", "be None or over 0", tanh_constant)
        self.space, self.hidden, self.temperature, self.tanh_constant = space, hidden, temperature, tanh_constant
        sizes = space.sizes
        p, most = len(sizes), int(sizes.max())
        self._offsets = torch.from_numpy(_CHOICES + np.concatenate([[0], np.cumsum(sizes)[:-1]]))
        self._absent = torch.from_numpy(np.arange(most) >= sizes[:, None])  # (p, k): no such choice
        shown = max(hidden // 2, 1)
        self.embedding = nn.Parameter(torch.empty(_CHOICES + int(sizes.sum()), shown))
        self.lstm = nn.LSTM(shown, hidden, batch_first=True)
        self.head = nn.Parameter(torch.empty(p, hidden, most))
        self.head_bias = nn.Parameter(torch.empty(p, most))
        self._skips = _Skips.of(space) if space.skip_parameters else None
        if self._skips is not None:
            self.anchors = nn.Parameter(torch.empty(len(self._skips.layers), hidden))
            self.earlier = nn.Linear(hidden, hidden, bias=False)
            self.now = nn.Linear(hidden, hidden)
            self.attention = nn.Parameter(torch.empty(hidden))
        self._initialise(seed)

    def _initialise(self, seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for name, weight in sorted(self.named_parameters()):
                if name in ("head", "head_bias", "attention"):  # every choice is equally likely
                    weight.zero_()
                elif name in ("embedding", "anchors"):
                    weight.normal_(generator=generator)
                else:
                    weight.uniform_(-(self.hidden**-0.5), self.hidden**-0.5, generator=generator)

    # Drawing --------------------------------------------------------------------------------------------------------

    def sample(self, n: int, generator: torch.Generator) -> tuple[Codes, Tensor, Tensor]:
        """What `draw` gives, and how it came about.

        Returns:
            codes (n, p), valid and normalised; their log π (n,) and entropy (n,), in nats, without gradient.
        """
        codes = self.draw(n, generator)
        with torch.no_grad():
            return codes, *self.evaluate(codes)

    def draw(self, n: int, generator: torch.Generator) -> Codes:
        """(n, p) codes of the space, valid and normalised.

        Codes that are no network are drawn again; where that keeps failing the space draws the rest itself.
        """
        codes = self._draw(n, generator)
        for _ in range(_REDRAWS):
            bad = np.flatnonzero(~self.space.feasible(codes))
            if not len(bad):
                return codes
            codes[bad] = self._draw(len(bad), generator)
        bad = np.flatnonzero(~self.space.feasible(codes))
        seed = int(torch.randint(2**31, (), generator=generator))
        codes[bad] = self.space.sample(len(bad), np.random.default_rng(seed))
        return codes

    @torch.no_grad()
    def _draw(self, n: int, generator: torch.Generator) -> Codes:
        """`n` normalised codes, feasible or not."""
        hidden, bound = self.hidden, self.tanh_constant or 1.0
        p, most = self._absent.shape
        uniform = torch.rand(p, n, most, generator=generator).clamp_(min=1e-12)
        noise = -(-uniform.log()).log() / bound  # Gumbel: the largest of logits with it is a draw from their softmax
        noise.masked_fill_(self._absent[:, None], -torch.inf)
        to_gates, recurrent, *biases = self.lstm.all_weights[0]
        word = self.embedding @ to_gates.T + biases[0] + biases[1]  # rows × 4 gates
        head, bias = self.head / self.temperature, self.head_bias / self.temperature
        codes = np.zeros((n, p), np.int64)
        written = torch.from_numpy(codes)  # the same memory
        h, c = noise.new_zeros(n, hidden), noise.new_zeros(n, hidden)
        row = torch.full((n,), _START)
        states: dict[int, Tensor] = {}
        for step, offset in enumerate(self._offsets.tolist()):
            gates = torch.addmm(word[row], h, recurrent.T)
            let, forget, new, out = gates.chunk(4, dim=1)
            c = forget.sigmoid().mul_(c).addcmul_(let.sigmoid(), new.tanh())
            h = out.sigmoid().mul_(c.tanh())
            z = torch.addmm(bias[step], h, head[step])
            if self._skips is not None:
                z = self._joined(z, step, h, states)
            if self.tanh_constant is not None:
                z = z.tanh_()
            choice = z.add_(noise[step]).argmax(dim=1)
            row = choice + offset
            active = self.space.active(codes)[:, step]
            if not active.all():
                there = torch.from_numpy(active)
                choice, row = choice * there, torch.where(there, row, _INACTIVE)
            written[:, step] = choice
        return self.space.normalise(codes)

    def _joined(self, z: Tensor, step: int, h: Tensor, states: dict[int, Tensor]) -> Tensor:
        """Logits (n, k) of a step with what attention adds, if it decides a skip connection; notes anchor points."""
        assert self._skips is not None
        at = self._skips.at.get(step)
        if at is None:
            return z
        source, layer = self._skips.source[at], self._skips.layer[at]
        states.setdefault(layer, h)
        anchor = states.get(source)
        anchor = self.anchors[source].expand_as(h) if anchor is None else anchor
        added = torch.tanh(self.earlier(anchor) + self.now(h)) @ self.attention
        z[:, 1:] += added[:, None] / self.temperature
        return z

    # Looking back ---------------------------------------------------------------------------------------------------

    def log_prob(self, codes: Codes) -> Tensor:
        """(n,) log π of normalised codes (n, p), in nats, with gradient."""
        return self.evaluate(codes)[0]

    def evaluate(self, codes: Codes, active: Mask | None = None) -> tuple[Tensor, Tensor]:
        """(n,) log π and (n,) entropy along the way, Σ_j H(π(· | code_1 … code_{j-1})), in nats, with gradient.

        Args:
            codes: (n, p), normalised.
            active: (n, p) which parameters count; the space says so where it is None.
        """
        active = self.space.active(codes) if active is None else active
        on, chosen = torch.from_numpy(active), torch.from_numpy(codes)
        rows = torch.where(on, self._offsets + chosen, _INACTIVE)
        rows = F.pad(rows[:, :-1], (1, 0), value=_START)
        states, _ = self.lstm(F.embedding(rows, self.embedding))  # (n, p, hidden)
        z = torch.baddbmm(self.head_bias[:, None], states.transpose(0, 1), self.head).transpose(0, 1)  # (n, p, k)
        if self._skips is not None:
            z = self._attended(z, states)
        return self._chosen(self._bounded(z), codes, active)

    def _attended(self, z: Tensor, states: Tensor) -> Tensor:
        skips = self._skips
        assert skips is not None
        anchors = self.anchors.expand(len(z), -1, -1).clone()  # (n, layers, hidden)
        anchors[:, skips.targets] = states[:, skips.first]
        earlier = self.earlier(anchors)[:, skips.source]
        added = torch.tanh(earlier + self.now(states[:, skips.columns])) @ self.attention  # (n, skips)
        connected = torch.zeros_like(z)
        connected[:, skips.columns, 1:] = added[:, :, None].expand(-1, -1, z.shape[2] - 1)
        return z + connected

    def _bounded(self, z: Tensor) -> Tensor:
        z = z / self.temperature
        return z if self.tanh_constant is None else self.tanh_constant * torch.tanh(z)

    def _chosen(self, logits: Tensor, codes: Codes, active: Mask) -> tuple[Tensor, Tensor]:
        """log π (n,) of codes and the entropy (n,) of what they were drawn from, by the logits (n, p, k)."""
        on = torch.from_numpy(active)
        log_all = logits.masked_fill(self._absent, -torch.inf).log_softmax(dim=2)
        chosen = log_all.gather(2, torch.from_numpy(codes)[:, :, None])[:, :, 0]
        entropy = -(log_all.exp() * log_all.masked_fill(self._absent, 0.0)).sum(dim=2)
        return (chosen * on).sum(dim=1), (entropy * on).sum(dim=1)


class _Skips:
    """Where a space's skip connections are: their m columns, and for each the two layers it joins."""

    def __init__(self, columns: list[int], source: list[int], layer: list[int]) -> None:
        self.columns, self.source, self.layer = columns, source, layer
        self.at = {column: at for at, column in enumerate(columns)}
        self.layers = list(range(max(source + layer) + 1))
        self.targets = sorted(set(layer))
        self.first = [
            min(column for column, to in zip(columns, layer, strict=True) if to == one) for one in self.targets
        ]

    @classmethod
    def of(cls, space: CodeSpace) -> _Skips:
        found = cls(*(list(column) for column in zip(*sorted(space.skip_parameters), strict=True)))
        first = dict(zip(found.targets, found.first, strict=True))
        for column, source, layer in space.skip_parameters:
            if first.get(source, -1) >= first[layer]:
                rule = "name connections from earlier layers to later ones, in the order of their columns"
                raise InvalidArgument("skip_parameters", space.name, rule, (column, source, layer))
        return found
