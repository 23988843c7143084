"""Zero-cost proxies: what one minibatch through an untrained network says of it, in milliseconds.

::

    minibatch = Minibatch.of(prepare(dataset, recipe), 64)
    proxies(architecture, minibatch)      # {"synflow": 41.2, "naswot": 310.5, ...}: larger is better

They rank networks; they are no accuracies, neither predicted nor trained, and no name or report calls them so.
`docs/proxies.md` says how well each of them ranks on real experience. Importing this loads no torch.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
