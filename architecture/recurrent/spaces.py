"""The spaces of recurrent cells that the founding papers searched: parameters, and the cell that they stand for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

from presage.architecture.recurrent.builder import CellBuilder
from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.operations import FUNCTIONS
from presage.architecture.recurrent.published import Genotype, highway_cell
from presage.architecture.spaces.code_space import Categorical, CodeSpace
from presage.architecture.spaces.codes import Choice, Codes
from presage.errors import InvalidArgument

__all__ = ["CellSpace", "RnnDarts", "RnnEnas", "RnnTree"]

Params = Mapping[str, Choice]
_COMBINERS = ("add", "product")
_TREES = (2, 4, 8, 16)


@dataclass(frozen=True)
class CellSpace(CodeSpace):
    """A space of recurrent cells; a subclass says how parameters become one (`cell`)."""

    def cell(self, params: Params) -> RecurrentCell:
        """The cell of these parameters; all must be named."""
        raise NotImplementedError

    def cells(self, codes: Codes) -> list[RecurrentCell]:
        """The cells of (n, p) codes."""
        return [self.cell(self.params(code)) for code in codes]

    @property
    def combinations(self) -> int:
        """How many codes it has."""
        return prod(self.sizes.tolist())


@dataclass(frozen=True)
class _Highway(CellSpace):
    """Nodes with gated highway connections: each reads an earlier one and applies an activation."""

    nodes: int = 8

    def __post_init__(self) -> None:
        if not 1 <= self.nodes <= 64:
            raise InvalidArgument("nodes", type(self).__name__, "be between 1 and 64", self.nodes)

    def _choices(self, nodes: Sequence[int], first: int) -> list[Categorical]:
        """Of each node the earlier one it reads, from `first` on where there are several, and its activation."""
        found = []
        for node in nodes:
            if node - first > 1:
                found.append(Categorical(f"node{node}.input", tuple(range(first, node))))
            found.append(Categorical(f"node{node}.activation", FUNCTIONS))
        return found

    def _genotype(self, params: Params, nodes: Sequence[int], first: int) -> Genotype:
        """(activation, earlier state) of these nodes, states counted from 0."""
        return [
            (str(params[f"node{node}.activation"]), int(params.get(f"node{node}.input", first)) - first)
            for node in nodes
        ]

    def _named(self, genotype: Genotype, nodes: Sequence[int], first: int) -> dict[str, Choice]:
        if len(genotype) != len(nodes):
            raise InvalidArgument(
                "genotype", f"{type(self).__name__}.from_genotype", f"have {len(nodes)} nodes", len(genotype)
            )
        found: dict[str, Choice] = {}
        for node, (function, source) in zip(nodes, genotype, strict=True):
            if node - first > 1:
                found[f"node{node}.input"] = source + first
            elif source != 0:
                raise InvalidArgument("genotype", type(self).__name__, f"have node {node} read {first}", source + first)
            found[f"node{node}.activation"] = function
        return found


@dataclass(frozen=True)
class RnnEnas(_Highway):
    """The recurrent cells of ENAS (Pham et al. 2018, arXiv 1802.03268, section 2.1): 4^N · (N - 1)! of them.

    Node 1 reads the input and h, each further node one of those before it; the cell gives the mean of the nodes that no
    other reads. Every node has a gated highway connection (section 3.1). The paper counts 4^N · N!, though its node l
    has l - 1 nodes to choose from. Its best cell is `nodes=12`.
    """

    family = "rnn_enas"
    nodes: int = 12

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(self._choices(range(1, self.nodes + 1), 1))

    def cell(self, params: Params) -> RecurrentCell:
        self.codes([params])  # refuses what is no choice
        return highway_cell(str(params["node1.activation"]), self.genotype(params))

    def genotype(self, params: Params) -> Genotype:
        """(activation, earlier node) of the nodes from the second on, node 1 counted as 0."""
        return self._genotype(params, range(2, self.nodes + 1), 1)

    def from_genotype(self, first: str, genotype: Genotype) -> dict[str, Choice]:
        """The parameters of a published cell: the activation of node 1, and (activation, earlier node) of the others,
        node 1 counted as 0.

        Raises:
            InvalidArgument: where it is no cell of this space.
        """
        found = {"node1.activation": first, **self._named(genotype, range(2, self.nodes + 1), 1)}
        self.codes([found])
        return found


@dataclass(frozen=True)
class RnnDarts(_Highway):
    """The recurrent cells of DARTS (Liu et al. 2019, arXiv 1806.09055, section 3.1.2): 4^N · N! of them.

    Node 0 is tanh of the input and h; each further node reads one of those before it. Every node has a gated highway
    connection; the cell gives the mean of all but node 0. The paper's `none` serves its relaxation alone.
    """

    family = "rnn_darts"
    nodes: int = 8

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        return tuple(self._choices(range(1, self.nodes + 1), 0))

    def cell(self, params: Params) -> RecurrentCell:
        self.codes([params])  # refuses what is no choice
        return highway_cell("tanh", self.genotype(params), range(1, self.nodes + 1))

    def genotype(self, params: Params) -> Genotype:
        """(activation, earlier node) of the nodes from 1 on, as the authors write it."""
        return self._genotype(params, range(1, self.nodes + 1), 0)

    def from_genotype(self, genotype: Genotype) -> dict[str, Choice]:
        """The parameters of a genotype as the authors write it.

        Raises:
            InvalidArgument: where it is no cell of this space.
        """
        found = self._named(genotype, range(1, self.nodes + 1), 0)
        self.codes([found])
        return found


@dataclass(frozen=True)
class RnnTree(CellSpace):
    """The tree of NAS-RL (Zoph & Le 2017, arXiv 1611.01578, section 3.4), of base `leaves`; the paper's is 8.

    Each leaf combines W x and U h, each inner node its two children, by a sum or a product and an activation. At the
    node `inject` the memory c of the step before is combined with what the node gives, by a combiner and an activation
    of its own; the node `memory` gives the new memory, before its activation. The root gives h.
    """

    family = "rnn_tree"
    leaves: int = 8

    def __post_init__(self) -> None:
        if self.leaves not in _TREES:
            raise InvalidArgument("leaves", "RnnTree", f"be one of {', '.join(map(str, _TREES))}", self.leaves)

    @cached_property
    def parameters(self) -> tuple[Categorical, ...]:
        nodes = range(2 * self.leaves - 1)
        return (
            *(
                parameter
                for node in nodes
                for parameter in (
                    Categorical(f"node{node}.combine", _COMBINERS),
                    Categorical(f"node{node}.activation", FUNCTIONS),
                )
            ),
            Categorical("inject.node", tuple(nodes)),
            Categorical("inject.combine", _COMBINERS),
            Categorical("inject.activation", FUNCTIONS),
            Categorical("memory.node", tuple(nodes)),
        )

    def cell(self, params: Params) -> RecurrentCell:
        self.codes([params])  # refuses what is no choice
        tree = CellBuilder(states=2)
        made: list[int] = []
        memory = tree.h
        for node in range(2 * self.leaves - 1):
            adds = params[f"node{node}.combine"] == "add"
            if node >= self.leaves:
                left, right = made[2 * (node - self.leaves) : 2 * (node - self.leaves) + 2]
                value = tree.add(left, right) if adds else tree.product(left, right)
            elif adds:
                value = tree.matrix(tree.x, tree.h)
            else:
                value = tree.product(tree.matrix(tree.x), tree.matrix(tree.h))
            if node == params["memory.node"]:
                memory = value
            value = tree.activation(str(params[f"node{node}.activation"]), value)
            if node == params["inject.node"]:
                kept = tree.states[1]
                value = tree.add(value, kept) if params["inject.combine"] == "add" else tree.product(value, kept)
                value = tree.activation(str(params["inject.activation"]), value)
            made.append(value)
        return tree.finish(made[-1], memory)
