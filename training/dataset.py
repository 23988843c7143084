"""Any dataset presage can read, by one text: a name, a file or a folder."""

from __future__ import annotations

from pathlib import Path

from training.image_dataset import ImageDataset

__all__ = ["ImageDataset", "load_dataset"]


def load_dataset(spec: str) -> ImageDataset:
    if spec == "digits":
        from training.digits import load_digits

        return load_digits()
    from training.npz import load_npz

    return load_npz(Path(spec))
