"""The kinds of datasets that presage can read, and which kind a text means.

A new kind is a module with a loader, and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from presage.places import user_path
from presage.registry import Registered, Registry

__all__ = ["KINDS", "TORCHVISION", "DatasetKind", "existing", "listed"]

TORCHVISION = "torchvision:"


@dataclass(frozen=True)
class DatasetKind(Registered):
    """A kind of dataset.

    Its loader takes what `meant` gives, and ``skip_corrupt``, ``on_progress`` and ``cache`` as `load_dataset` has them.

    Attributes:
        written: how a user writes one, for errors.
        meant: what of a text the loader takes; None where the text means no dataset of this kind.
    """

    written: str
    meant: Callable[[str], str | Path | None]


def existing(text: str) -> Path | None:
    """The file or folder that a text names; None where nothing is there."""
    try:
        path = user_path(text)
        return path if path.exists() else None
    except (OSError, ValueError):  # names no file system allows
        return None


def _digits(text: str) -> str | None:
    return text if text == "digits" else None


def _torchvision(text: str) -> str | None:
    return text[len(TORCHVISION) :] if text.lower().startswith(TORCHVISION) else None


def _folder(text: str) -> Path | None:
    path = existing(text) if text != "digits" else None  # a folder called `digits` is `./digits`
    return path if path is not None and path.is_dir() else None


def _npz(text: str) -> Path | None:
    path = existing(text)
    return path if path is not None and path.is_file() and path.suffix.lower() == ".npz" else None


_HERE = "presage.training.datasets"
KINDS: Registry[DatasetKind] = Registry(
    "kind of dataset",
    {
        "npz": DatasetKind(f"{_HERE}.npz:load_npz", "arrays in a .npz file", "a path to a .npz file", _npz),
        "folder": DatasetKind(
            f"{_HERE}.folder:load_folder", "images in class folders", "a path to a folder of class folders", _folder
        ),
        "digits": DatasetKind(f"{_HERE}.digits:load_digits", "scikit-learn's hand-written digits", "`digits`", _digits),
        "torchvision": DatasetKind(
            f"{_HERE}.torchvision_data:load_torchvision",
            "a dataset of torchvision, on disk already",
            "`torchvision:NAME`",
            _torchvision,
        ),
    },
)


def listed() -> str:
    """How a user may write a dataset, for help and errors."""
    *others, last = (kind.written for kind in KINDS.values())
    return f"{', '.join(others)}, or {last}"
