"""A prepared dataset as a folder of arrays, which processes map into memory and so share."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from presage.files import read_json, replacing, write_json
from presage.training.data import DeviceData

__all__ = ["load_shared", "save_shared"]

_TEXT = "data.json"


def save_shared(data: DeviceData, folder: Path) -> None:
    """Write `data` to `folder`; the file that names it last, so that a folder with it is whole."""
    plain = {}
    for field in fields(DeviceData):
        value = getattr(data, field.name)
        if isinstance(value, torch.Tensor):
            value = value.cpu().numpy()
        if not isinstance(value, np.ndarray):
            plain[field.name] = value
            continue
        with replacing(folder / f"{field.name}.npy") as draft, draft.open("wb") as stream:
            np.save(stream, value, allow_pickle=False)
    write_json(folder / _TEXT, plain)


def load_shared(folder: Path, device: torch.device) -> DeviceData:
    """What `save_shared` wrote. On a CPU its pages are shared by all processes that load it."""
    found = dict(read_json(folder / _TEXT))
    for field in fields(DeviceData):
        if field.name in found:
            continue
        array = np.load(folder / f"{field.name}.npy", mmap_mode="c", allow_pickle=False)
        is_tensor = field.name not in ("train_images", "validation_images")
        found[field.name] = torch.from_numpy(array).to(device) if is_tensor else np.array(array)
    return DeviceData(**found)
