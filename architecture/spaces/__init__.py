"""Search spaces by name: ``get_space("chain")``, ``get_space("nb201:cells=5,width=16")``.

Names are imported when first used: which spaces there are is known without numpy.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
