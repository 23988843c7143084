"""Hard limits as plain arguments, `max_params` and the others, of `presage.search` and of the estimator."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

from presage.errors import InvalidArgument

if TYPE_CHECKING:
    from presage.search import Limits

__all__ = ["PLAIN", "limits_of"]

PLAIN = {
    "max_params": "parameters", "max_macs": "multiply_adds", "max_memory": "activation_bytes",
    "max_latency": "latency_seconds",
}  # fmt: skip
"""Plain argument → field of `presage.search.Limits`, all in the same unit but milliseconds."""


def limits_of(owner: str, **most: float | None) -> Limits:
    """The limits that plain arguments stand for; None is no limit.

    Args:
        owner: what takes them, as an error calls it.
        most: by the names of `PLAIN`.

    Raises:
        InvalidArgument: one that is no limit; by its plain name.
    """
    from presage.search import Limits

    fields: dict[str, Any] = {}
    for name, value in most.items():
        if value is None:
            continue
        whole = name != "max_latency"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not 0 < value < inf:
            rule = "be a whole number of at least 1" if whole else "be a number of milliseconds above 0"
            raise InvalidArgument(name, owner, rule, value)
        fields[PLAIN[name]] = value if whole else value / 1000
    return Limits(**fields)
