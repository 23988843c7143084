"""The zero-cost proxies by name; the module of each is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from presage.errors import InvalidArgument, UnknownName

if TYPE_CHECKING:
    from presage.surrogate.proxies.subject import Subject

__all__ = ["PROXIES", "WORST", "checked_names", "get_proxy"]

PROXIES: Mapping[str, tuple[str, str]] = {
    "synflow": ("synflow", "synflow"),
    "snip": ("gradients", "snip"),
    "fisher": ("gradients", "fisher"),
    "gradient-norm": ("gradients", "gradient_norm"),
    "naswot": ("naswot", "naswot"),
    "zen": ("zen", "zen"),
    "jacobian-covariance": ("jacobian", "jacobian_covariance"),
}
"""Module (in `presage.surrogate.proxies`) and function of every proxy, by name."""

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
        if name not in PROXIES:
            raise UnknownName("zero-cost proxy", name, PROXIES)
    if not found or len(set(found)) != len(found):
        raise InvalidArgument("names", "proxies", "name at least one proxy, and each once", found)
    return found


def get_proxy(name: str) -> Callable[[Subject], float]:
    """The function of a proxy, larger is better; infinite, NaN or `subject.NoValue` where it has none.

    Raises:
        UnknownName: for a name that is not in `PROXIES`.
    """
    (checked,) = checked_names([name])
    module, attribute = PROXIES[checked]
    found: Callable[[Subject], float] = getattr(import_module(f"presage.surrogate.proxies.{module}"), attribute)
    return found
