"""`ShrinkSubject`: the network that is to be shrunk, on its images; what of it can be asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.shrinking.shortening import removable, shortened
from presage.errors import InvalidArgument, NothingFeasible
from presage.search.latency.measuring import time_architecture
from presage.search.limits import Limits
from presage.search.shrinking import OWNER
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.fitting import least
from presage.search.shrinking.proposing import Smaller, plain

__all__ = ["ShrinkSubject"]

_ARGUMENTS = {"parameters": "max_params", "multiply_adds": "max_macs", "latency_seconds": "max_latency"}
_TURNS = 5
_TIGHTER, _TIMES = 0.9, 8  # of a limit of latency, and how often, where the plain version is slower than estimated


@dataclass(frozen=True)
class ShrinkSubject:
    """A network to be shrunk.

    Attributes:
        name: what the user called it.
        architecture: in canonical form.
        input_shape: ``(c, h, w)`` of its images.
        classes: number of its outputs.
        device: where latency is measured.
    """

    name: str
    architecture: Architecture
    input_shape: tuple[int, int, int]
    classes: int
    device: str = "auto"

    def measure(self, architecture: Architecture) -> float:
        """Seconds of a forward pass of one image, measured."""
        return time_architecture(architecture, self.input_shape, self.classes, device=self.device)

    def measure_all(self, architectures: Sequence[Architecture]) -> list[float]:
        """The same of several, in turns: the least of `_TURNS`, for other work on the machine slows some of them."""
        turns = [[self.measure(one) for one in architectures] for _ in range(_TURNS)]
        return [min(seconds) for seconds in zip(*turns, strict=True)]

    def check(self, limits: Limits) -> None:
        """Refuse limits that the network is within already, and those that no version of it is within.

        Of latency the first alone can be told, and only where nothing else is limited.

        Raises:
            InvalidArgument, NothingFeasible: as said.
        """
        for name in limits.set:
            if name not in _ARGUMENTS:
                rule = f"be of {', '.join(_ARGUMENTS)}"
                raise InvalidArgument("limits", OWNER, rule, name)
        own = costs(self.architecture, self.input_shape, self.classes)
        blocks = removable(self.architecture, self.input_shape, self.classes)
        fewest = shortened(self.architecture, blocks)
        smallest = costs(
            least(fewest, Allowance(limits, self.input_shape, self.classes)), self.input_shape, self.classes
        )
        for name, most in limits.set.items():
            if name == "latency_seconds":
                continue
            has, could, what = getattr(own, name), getattr(smallest, name), name.replace("_", "-")
            if most >= has:
                rule = f"be below the {has:,} {what} of {self.name}"
                raise InvalidArgument(_ARGUMENTS[name], OWNER, rule, most)
            if could > most:
                raise NothingFeasible(
                    f"No smaller version of {self.name} is within {most:,} {what}. With one channel a layer it has "
                    f"{could:,}."
                )

    def check_latency(self, seconds: float) -> None:
        """Refuse a limit of latency that the network is within already.

        Raises:
            InvalidArgument: as said.
        """
        own = self.measure(self.architecture)
        if seconds >= own:
            rule = f"be below the {1000 * own:.3g} milliseconds of {self.name}"
            raise InvalidArgument(_ARGUMENTS["latency_seconds"], OWNER, rule, round(1000 * seconds, 6))

    def plain(self, allowance: Allowance) -> Smaller:
        """The network scaled down by one factor; where it is measured to be slower than estimated, once more.

        Raises:
            NothingFeasible: no factor does.
        """
        most, latency = allowance.limits.latency_seconds, allowance.limits.latency_seconds
        for _ in range(_TIMES):
            found = plain(self.architecture, allowance.within(latency))
            if found is None:
                break
            if most is None or latency is None or self.measure(found.architecture) <= most:
                return found
            latency *= _TIGHTER
        raise NothingFeasible(
            f"No version of {self.name} scaled down by one factor has {allowance.words(self.architecture)}."
        )
