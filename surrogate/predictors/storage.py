"""A fitted predictor as a folder: JSON, safetensors and LightGBM's own text. Nothing in it can run code.

::

    predictor.json       format, version, name, settings, words, and which arrays are equal to which
    arrays.safetensors   numbers and arrays
    text-0.txt …         LightGBM models
    seal.txt             a digest over all of them, which is checked before any of them is parsed
"""

from __future__ import annotations

import json
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from presage.errors import InvalidArgument, PresageError
from presage.files import replacing_folder
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.registry import get_predictor
from presage.surrogate.predictors.sealing import SEAL, read_files, seal
from presage.surrogate.predictors.state import State

__all__ = ["load_predictor", "save_predictor"]

FORMAT = "presage-predictor"
VERSION = 3
"""2: what is stored is named anew (`mean`, `conditioner`, …). 3: the seal."""


def save_predictor(predictor: Predictor, folder: Path, key: bytes = b"") -> None:
    """Writes a fitted predictor to `folder`, whole or not at all; an existing one is replaced.

    Args:
        predictor: the fitted predictor.
        folder: where to.
        key: of the seal (`presage.surrogate.predictors.sealing`). Without one the seal shows damage, not who wrote it.

    Raises:
        StorageFull: where the disk is full.
    """
    from safetensors.numpy import save

    state = predictor.state()
    arrays, same = _distinct({name: np.array(value, order="C") for name, value in state.arrays.items()})
    files = {"arrays.safetensors": save(arrays)}
    files |= {f"text-{index}.txt": text.encode() for index, text in enumerate(state.texts.values())}
    header: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "predictor": predictor.name,
        "settings": predictor.settings(),
        "words": state.words,
        "same": same,
        "texts": list(state.texts),
    }
    files["predictor.json"] = json.dumps(header, indent=1, allow_nan=False).encode()
    files[SEAL] = seal(files, key)
    with replacing_folder(folder) as made:
        for name, content in files.items():
            (made / name).write_bytes(content)


def load_predictor(folder: Path | Traversable, key: bytes = b"") -> Predictor:
    """The fitted predictor in `folder`.

    Args:
        folder: what `save_predictor` wrote.
        key: that it was written with.

    Raises:
        InvalidArgument: where there is none, it is damaged, was sealed with another key, or another version of presage
            wrote it.
    """
    try:
        files = read_files(folder, key)
        header = json.loads(files["predictor.json"].decode())
        if header["format"] != FORMAT or header["version"] != VERSION:
            raise _unusable(folder, f"{header['format']} version {header['version']}")
        predictor = get_predictor(header["predictor"], **header["settings"])
        from safetensors.numpy import load

        texts = {name: files[f"text-{index}.txt"].decode() for index, name in enumerate(header["texts"])}
        arrays = load(files["arrays.safetensors"])
        arrays |= {name: arrays[stored] for name, stored in header["same"].items()}
        return predictor.restore(State(arrays, header["words"], texts))
    except PresageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unusable(folder, f"{type(error).__name__}: {error}") from None


def _distinct(arrays: dict[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    """Equal arrays once, as members of an ensemble share what they know of known networks; and who else has which."""
    first: dict[tuple[object, ...], str] = {}
    same = {}
    for name, array in arrays.items():
        stored = first.setdefault((array.dtype.str, array.shape, array.tobytes()), name)
        if stored != name:
            same[name] = stored
    return {name: array for name, array in arrays.items() if name not in same}, same


def _unusable(folder: Path | Traversable, why: str) -> InvalidArgument:
    return InvalidArgument(
        "folder", "load_predictor", f"be a whole predictor of format {FORMAT} {VERSION}", f"{folder} with {why}"
    )
