"""A trained network as files that need nothing of a run: architecture, weights, and how to load them."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presage.architecture.graph import Architecture
from presage.architecture.serial import from_json, to_json
from presage.errors import InvalidArgument
from presage.files import read_json, replacing, write_json

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FORMAT", "copy_network", "how_to_use", "load_network", "save_architecture", "save_weights"]

FORMAT = "presage-network"
"""Of an architecture with what it was bound to."""
ARCHITECTURE, WEIGHTS, README = "architecture.json", "weights.safetensors", "README.txt"

_HOW = """import torch

from presage.search import load_network

network = load_network("{folder}")  # a torch.nn.Module in evaluation mode

# `images` is a tensor (b, {channels}, h, w) of numbers from 0 to 255; it is resized as it was for the training.
resized = torch.nn.functional.interpolate(images.float(), size=({h}, {w}), mode="bilinear", antialias=True)
with torch.no_grad():
    logits = network((resized.round().clamp(0, 255) - network.mean) / network.deviation)  # (b, {classes})
names = [network.classes[best] for best in logits.argmax(dim=1)]
"""


def save_architecture(folder: Path, architecture: Architecture, binding: Mapping[str, Any]) -> None:
    """Write the canonical architecture.

    Args:
        binding: what the network was bound to: `input_shape`, `classes` (names), and the `mean` and `deviation` of
            each channel that normalise its images (in units of 0 to 255).
    """
    value = {"format": FORMAT, "version": 1, "architecture": to_json(architecture.canonical), **binding}
    write_json(folder / ARCHITECTURE, value)


def save_weights(folder: Path, module: nn.Module) -> None:
    """Write the module's state as safetensors."""
    from safetensors.torch import save_file

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    with replacing(folder / WEIGHTS) as draft:
        save_file(state, draft)


def copy_network(source: Path, target: Path) -> None:
    """Copy a trained network and write beside it how to load it. Whole or not at all, as far as each file goes."""
    target.mkdir(parents=True, exist_ok=True)
    for name in (WEIGHTS, ARCHITECTURE):
        with replacing(target / name) as draft:
            shutil.copyfile(source / name, draft)
    with replacing(target / README) as draft:
        draft.write_text(how_to_use(target), encoding="utf-8")


def how_to_use(folder: Path) -> str:
    """Python that loads the network of a folder and names the classes of a tensor `images` of any height and width.

    The images are resized as `presage.training.augment.resized` does it. Run it where the folder lies.
    """
    described = read_json(folder / ARCHITECTURE)
    channels, h, w = described["input_shape"]
    return _HOW.format(folder=folder.name, channels=channels, h=h, w=w, classes=len(described["classes"]))


def load_network(folder: str | Path) -> nn.Module:
    """The network that a search left in a folder: its `best`, or one of its `networks`.

    Returns:
        A module in evaluation mode for images (b, c, h, w), with buffers `mean` and `deviation` (c, 1, 1) that
        normalise pixels of 0 to 255, and `classes`, the names of its outputs.

    Raises:
        InvalidArgument: the folder holds no such network.
        InvalidArchitecture: its architecture is none.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from presage.architecture.torch_bridge.build import build

    folder = Path(folder)
    described = read_json(folder / ARCHITECTURE)
    if not isinstance(described, dict) or described.get("format") != FORMAT:
        raise InvalidArgument("folder", "load_network", f"hold {ARCHITECTURE} and {WEIGHTS}", str(folder))
    classes = described["classes"]
    module = build(from_json(described["architecture"]), tuple(described["input_shape"]), len(classes))
    try:
        module.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, SafetensorError, RuntimeError):
        rule = f"hold the weights of its architecture in {WEIGHTS}"
        raise InvalidArgument("folder", "load_network", rule, str(folder)) from None
    for name in ("mean", "deviation"):
        module.register_buffer(name, torch.tensor(described[name]).view(-1, 1, 1), persistent=False)
    module.classes = classes
    return module.eval()
