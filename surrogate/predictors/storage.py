"""A fitted predictor as a folder: JSON, safetensors and LightGBM's own text. Nothing in it can run code.

::

    predictor.json       format, version, name, settings, words, and the SHA-256 of every other file
    arrays.safetensors   numbers and arrays
    text-0.txt …         LightGBM models
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from presage.errors import InvalidArgument, PresageError
from presage.files import replacing_folder
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.registry import get_predictor
from presage.surrogate.predictors.state import State

__all__ = ["load_predictor", "save_predictor"]

FORMAT = "presage-predictor"
VERSION = 2
"""2: what is stored is named anew (`mean`, `conditioner`, …)."""


def save_predictor(predictor: Predictor, folder: Path) -> None:
    """Writes a fitted predictor to `folder`, whole or not at all; an existing one is replaced.

    Raises:
        StorageFull: where the disk is full.
    """
    from safetensors.numpy import save

    state = predictor.state()
    files = {"arrays.safetensors": save({key: np.array(value, order="C") for key, value in state.arrays.items()})}
    files |= {f"text-{index}.txt": text.encode() for index, text in enumerate(state.texts.values())}
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "predictor": predictor.name,
        "settings": predictor.settings(),
        "words": state.words,
        "texts": list(state.texts),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }
    files["predictor.json"] = json.dumps(header, indent=1, allow_nan=False).encode()
    with replacing_folder(folder) as made:
        for name, content in files.items():
            (made / name).write_bytes(content)


def load_predictor(folder: Path) -> Predictor:
    """The fitted predictor in `folder`.

    Raises:
        InvalidArgument: where there is none, it is damaged, or another version of presage wrote it.
    """
    try:
        header = json.loads((folder / "predictor.json").read_text(encoding="utf-8"))
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise _unusable(folder, f"{header['format']} version {header['version']}")
        contents = {name: (folder / Path(name).name).read_bytes() for name in header["files"]}
        for name, content in contents.items():
            if hashlib.sha256(content).hexdigest() != header["files"][name]:
                raise _unusable(folder, f"`{name}` with another content than was written")
        predictor = get_predictor(header["predictor"], **header["settings"])
        from safetensors.numpy import load

        texts = {key: contents[f"text-{index}.txt"].decode() for index, key in enumerate(header["texts"])}
        return predictor.restore(State(load(contents["arrays.safetensors"]), header["words"], texts))
    except PresageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(folder, f"{type(error).__name__}: {error}") from None


def _unusable(folder: Path, why: str) -> InvalidArgument:
    return InvalidArgument(
        "folder", "load_predictor", f"be a whole predictor of format {FORMAT} {VERSION}", f"{folder} with {why}"
    )
