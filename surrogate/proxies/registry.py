"""The zero-cost proxies by name. Importing it loads no torch: `--help` and docs/proxies.md are made from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument
from presage.registry import Registered, Registry

if TYPE_CHECKING:
    from presage.surrogate.proxies.subject import Subject

__all__ = ["PROXIES", "WORST", "Proxy", "checked_names", "get_proxy"]

_HERE = "presage.surrogate.proxies"


@dataclass(frozen=True)
class Proxy(Registered):
    """A function of a `Subject`, larger is better.

    Attributes:
        paper: where it comes from, by its number in arXiv.
    """

    paper: str = ""


PROXIES: Registry[Proxy] = Registry(
    "zero-cost proxy",
    {
        "synflow": Proxy(
            f"{_HERE}.synflow:synflow",
            "log of what flows through all weights, taken positive; no images used",
            "2006.05467, batch normalisation as in 2101.08134",
        ),
        "snip": Proxy(f"{_HERE}.gradients:snip", "log Σ |w · ∂L/∂w|", "1810.02340"),
        "fisher": Proxy(
            f"{_HERE}.gradients:fisher",
            "log of the Fisher information of the layers' outputs",
            "1801.05787, 1906.04113",
        ),
        "gradient-norm": Proxy(f"{_HERE}.gradients:gradient_norm", "log Σ ‖∂L/∂w‖ over layers", "2101.08134"),
        "naswot": Proxy(
            f"{_HERE}.naswot:naswot",
            "log determinant of how often two images switch the same rectifiers",
            "2006.04647",
        ),
        "zen": Proxy(
            f"{_HERE}.zen:zen",
            "log of how far noise moves the last feature map, with the scale that normalisation takes away; no images "
            "used",
            "2102.01063",
        ),
        "jacobian-covariance": Proxy(
            f"{_HERE}.jacobian:jacobian_covariance",
            "how uncorrelated the Jacobians of the images are",
            "2006.04647, version 1",
        ),
    },
)

WORST = -1e6
"""What stands for a proxy that has no finite value. Far below any that has: they are logarithms."""


def checked_names(names: Iterable[str] | None) -> tuple[str, ...]:
    """The names, all of `PROXIES` for None.

    Raises:
        UnknownName: for one that is no proxy; names the nearest.
        InvalidArgument: for none at all, or one name twice.
    """
    found = tuple(PROXIES) if names is None else tuple(names)
    for name in found:
        _ = PROXIES[name]
    if not found or len(set(found)) != len(found):
        raise InvalidArgument("names", "proxies", "name at least one proxy, and each once", found)
    return found


def get_proxy(name: str) -> Callable[[Subject], float]:
    """The function of a proxy, larger is better; infinite, NaN or `subject.NoValue` where it has none.

    Raises:
        UnknownName: for a name that is not in `PROXIES`.
    """
    found: Callable[[Subject], float] = PROXIES.load(name)
    return found
