"""Any dataset presage can read, by one text: a name, a file or a folder."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

from presage.errors import InvalidDataset
from presage.places import user_path
from presage.training.datasets.decoding import Progress
from presage.training.datasets.dullness import with_dullness
from presage.training.datasets.image_dataset import ImageDataset, refusal
from presage.training.datasets.kinds import KINDS, TORCHVISION, existing, listed

__all__ = ["ImageDataset", "load_dataset"]

_MOST_NEIGHBOURS = 10_000


def load_dataset(
    spec: str | os.PathLike[str],
    *,
    skip_corrupt: bool = False,
    on_progress: Progress | None = None,
    cache: Path | None = None,
) -> ImageDataset:
    """Read and check a dataset.

    Args:
        spec: `digits` (scikit-learn's hand-written digits), a `.npz` file (`training.npz`), a folder of class folders
            (`presage.training.datasets.folder`), or `torchvision:NAME`, on disk already
            (`presage.training.datasets.torchvision_data`). A folder called
            `digits` is `./digits`.
        skip_corrupt: go on without images that cannot be read; each is named in the dataset's `warnings`.
        on_progress: called with (images decoded, images in all) where images are decoded one by one.
        cache: a folder where decoded images are kept, so that files are read once; None keeps none.

    Raises:
        InvalidDataset: nothing is there, or it cannot be learned from; one line that names file, rule and value.
        UnknownName: torchvision has no such dataset.
    """
    text = os.fspath(spec)
    for kind in KINDS.values():
        meant = kind.meant(text)
        if meant is not None:
            load = kind.load()
            dataset: ImageDataset = load(meant, skip_corrupt=skip_corrupt, on_progress=on_progress, cache=cache)
            return with_dullness(dataset)
    path = existing(text)
    if path is None:
        raise _unknown(text)
    got = f"a file ending in `{path.suffix}`" if path.is_file() else "neither file nor folder"
    raise refusal("dataset", text, "be a .npz file, or a folder of class folders", got)


def _unknown(text: str) -> InvalidDataset:
    """*No dataset is at `mnits.npz`. Did you mean `mnist.npz`? …*, with the nearest name known or path there."""
    from presage.training.datasets.torchvision_data import KNOWN

    near = {"digits": "digits"} | {name.lower(): f"{TORCHVISION}{name}" for name in KNOWN} | _neighbours(text)
    asked = text.lower().rstrip("/\\")
    guess = difflib.get_close_matches(asked, near, n=1, cutoff=0.6) if asked else []
    hint = f" Did you mean `{near[guess[0]]}`?" if guess else ""
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return InvalidDataset(f"No dataset is named `{shown}`, and nothing is at that path.{hint} It may be {listed()}.")


def _neighbours(text: str) -> dict[str, str]:
    """Paths near a path that is not there, by their lower case: folders and .npz files beside it."""
    asked = Path(text)
    found: dict[str, str] = {}
    try:
        with os.scandir(user_path(asked.parent)) as entries:
            for entry, _ in zip(entries, range(_MOST_NEIGHBOURS), strict=False):
                if not entry.name.startswith(".") and (entry.name.lower().endswith(".npz") or entry.is_dir()):
                    near = str(asked.parent / entry.name)
                    found[near.lower()] = near
                    if near.lower().endswith(".npz") and asked.suffix.lower() != ".npz":
                        found[near[:-4].lower()] = near
    except (OSError, ValueError):
        pass
    return found
