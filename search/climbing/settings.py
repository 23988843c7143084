"""`ClimbSettings`: how far a network is grown, and by how many children a step."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from presage.errors import InvalidArgument, UnknownName
from presage.search.climbing import OWNER

__all__ = [
    "CHILD_EPOCHS", "FORWARD", "FORWARD_CELLS", "HILL_CLIMB", "MORPHISMS", "NEIGHBOURS", "STEPS", "STRATEGIES",
    "ClimbSettings",
]  # fmt: skip

HILL_CLIMB, FORWARD, FORWARD_CELLS = "hill-climb", "forward", "forward-cells"
STRATEGIES = {
    HILL_CLIMB: "children by random morphisms, the best is the next parent (NASH, arXiv 1711.04528)",
    FORWARD: "a child by the candidates that learn most, parents along a convex hull (Petridish, arXiv 1905.13360)",
    FORWARD_CELLS: "the same within a cell that the network repeats, in all repetitions at once",
}
"""How children come about, and which become parents."""

STEPS, NEIGHBOURS, MORPHISMS, CHILD_EPOCHS = 5, 8, 5, 3
"""As arXiv 1711.04528 has them, but for the epochs: 17 there, where the final training has 100."""


@dataclass(frozen=True)
class ClimbSettings:
    """How a network is grown.

    Attributes:
        strategy: one of `STRATEGIES`.
        steps: how often there are children.
        neighbours: children of a step; one of them is the parent itself, trained on. A forward search has one child.
        morphisms: that make a child of its parent, and a random network; a forward search chooses its own.
        child_epochs: of a child's training, from its parent's weights; in a forward search of its candidates' too.
        random: whether random networks are trained for as many epochs in all, to compare with.
    """

    strategy: str = HILL_CLIMB
    steps: int = STEPS
    neighbours: int = NEIGHBOURS
    morphisms: int = MORPHISMS
    child_epochs: int = CHILD_EPOCHS
    random: bool = True

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise UnknownName("strategy", self.strategy, STRATEGIES)
        for name, least in (("steps", 1), ("neighbours", 2), ("morphisms", 1), ("child_epochs", 1)):
            if getattr(self, name) < least:
                raise InvalidArgument(name, OWNER, f"be at least {least}", getattr(self, name))

    def epochs(self, final: int) -> int:
        """Epochs of all trainings of a climb whose first network, and whose last, are trained for `final`."""
        trainings = self.neighbours if self.strategy == HILL_CLIMB else 2
        return 2 * final + self.steps * trainings * self.child_epochs

    def to_json(self) -> dict[str, Any]:
        """All fields but `random`, which changes nothing of the climb."""
        return {name: value for name, value in asdict(self).items() if name != "random"}
