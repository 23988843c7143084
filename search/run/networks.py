"""`Networks`: the networks that a run speaks of, each decoded once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from presage.architecture.graph import Architecture
from presage.architecture.spaces.space import Codes, Space

__all__ = ["Networks"]


class Networks:
    """Decodes networks of a space and remembers them: what is short-listed is asked for at every step that follows."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._decoded: dict[tuple[tuple[str, Any], ...], Architecture] = {}

    def of(self, params: Mapping[str, Any]) -> Architecture:
        """The network of a parameter assignment."""
        key = tuple(params.items())
        if key not in self._decoded:
            self._decoded[key] = self.space.decode(params)
        return self._decoded[key]

    def at(self, code: Codes) -> Architecture:
        """The network of one code (p,)."""
        return self.of(self.space.params(code))
