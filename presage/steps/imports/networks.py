"""Networks as the cells of a table name them: JSON, files, a space's parameters or text, a module's callable."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architectures import read_architectures
from presage.errors import InvalidArchitecture, WrongInput
from presage.steps.imports.cells import refused

if TYPE_CHECKING:
    from presage.architecture.graph import Architecture
    from presage.architecture.spaces import Space

__all__ = ["NetworkCell", "NetworkCells"]

HARMLESS = ("torchvision.models",)
"""Modules whose callables are called whoever wrote the table."""


@dataclass(frozen=True)
class NetworkCell:
    """An architecture, and the space and parameters that it comes from where the table tells."""

    architecture: Architecture
    space: str | None = None
    params: Mapping[str, Any] | None = None


class NetworkCells:
    """Reads cells, each different one once.

    Args:
        folder: that paths are seen from.
        trust_code: whether modules that a table names are imported, and their callables called.
    """

    def __init__(self, folder: Path, *, trust_code: bool) -> None:
        self.folder, self.trust_code = folder, trust_code
        self._read: dict[tuple[str, str | None], NetworkCell | WrongInput] = {}
        self._spaces: dict[str, Space] = {}

    def read(self, cell: Any, space: Any) -> NetworkCell:
        """The network of a row.

        Raises:
            WrongInput: says why it is none.
        """
        text = json.dumps(cell) if isinstance(cell, Mapping) else str(cell).strip()
        key = (text, None if space is None else str(space))
        if key not in self._read:
            try:
                self._read[key] = self._in_space(text, key[1]) if key[1] else NetworkCell(self._plain(text))
            except WrongInput as error:
                self._read[key] = error
        found = self._read[key]
        if isinstance(found, WrongInput):
            raise found
        return found

    def _plain(self, text: str) -> Architecture:
        if text.startswith("{"):
            from presage.architectures import architecture_of_text

            return architecture_of_text(text)
        if (path := self._file(text)) is not None:
            return self._single(str(path), text)
        module, colon, _ = text.partition(":")
        if not colon:
            raise refused("network", "be architecture JSON, an existing file, or module:callable", text)
        if module not in HARMLESS and not self.trust_code:
            hint = "Say --trust-code if you trust whoever wrote the table."
            raise refused("network", "name no code, for it would be run", text, hint)
        return self._single(text, text)

    def _single(self, spec: str, text: str) -> Architecture:
        found = read_architectures([spec])
        if len(found) != 1:
            raise refused("network", f"be a file of one architecture ({len(found)} are in it)", text)
        return found[0].architecture

    def _file(self, text: str) -> Path | None:
        try:
            path = self.folder / text
            return path if path.is_file() else None
        except (OSError, ValueError):  # names that no file system allows
            return None

    def _in_space(self, text: str, name: str) -> NetworkCell:
        from presage.architecture.spaces import get_space

        space = self._spaces.setdefault(name, get_space(name))
        params = self._params(text, space)
        try:
            architecture = space.decode(params)
        except (KeyError, TypeError) as error:
            raise refused("network", f"be parameters of {name}", text, f"{type(error).__name__}: {error}.") from None
        return NetworkCell(architecture, space.name, dict(params))

    @staticmethod
    def _params(text: str, space: Space) -> Mapping[str, Any]:
        from_string = getattr(space, "from_string", None)
        if text.startswith("{"):
            try:
                params = json.loads(text)
            except (ValueError, RecursionError) as error:
                raise InvalidArchitecture(f"The parameters of {space.name} must be JSON: {error}.") from None
        elif from_string is not None:
            params = from_string(text)
        else:
            raise refused("network", f"be a JSON object of the parameters of {space.name}", text)
        names = [parameter.name for parameter in space.parameters]
        for name in params:
            if name not in names:
                raise refused("network", f"name parameters of {space.name} ({', '.join(names)})", name)
        return dict(params)
