"""Zero-cost proxies: what one minibatch through an untrained network says of it, in milliseconds.

::

    minibatch = Minibatch.of(prepare(dataset, recipe), 64)
    proxies(architecture, minibatch)      # {"synflow": 41.2, "naswot": 310.5, ...}: larger is better

They rank networks; they are no accuracies, neither predicted nor trained, and no name or report calls them so.
`docs/proxies.md` says how well each of them ranks on real experience. Importing this loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from surrogate.proxies.measuring import Measured, measure, proxies
    from surrogate.proxies.minibatch import Minibatch
    from surrogate.proxies.ranks import within_ranks
    from surrogate.proxies.registry import PROXIES, WORST
    from surrogate.proxies.scorer import ProxyScorer

_HOME = {
    "PROXIES": "registry",
    "WORST": "registry",
    "Measured": "measuring",
    "Minibatch": "minibatch",
    "ProxyScorer": "scorer",
    "measure": "measuring",
    "proxies": "measuring",
    "within_ranks": "ranks",
}

__all__ = [
    "PROXIES",
    "WORST",
    "Measured",
    "Minibatch",
    "ProxyScorer",
    "measure",
    "proxies",
    "within_ranks",
]


def __getattr__(name: str) -> Any:
    """Import on first use: torch takes seconds that a caller who needs only names must not pay."""
    if name not in _HOME:
        raise AttributeError(f"module 'surrogate.proxies' has no attribute {name!r}")
    return getattr(import_module(f"surrogate.proxies.{_HOME[name]}"), name)
