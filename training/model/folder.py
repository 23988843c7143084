"""A trained model as a folder that needs nothing of the run it came from.

``architecture.json`` (network and all that it was bound to), ``weights.safetensors``, ``program.pt2`` (uint8 images of
any size → logits; needs torch alone), ``model.onnx`` where asked for, and ``README.md``. Nothing in it is unpickled.
"""

from __future__ import annotations

import hashlib
import math
from functools import partial
from pathlib import Path
from typing import Any

import torch

from presage.architecture.serial import from_json, to_json
from presage.architecture.torch_bridge.build import build
from presage.errors import InvalidModel, WrongInput
from presage.files import replacing, write_json
from presage.places import user_path
from presage.reading import hex_name
from presage.training.datasets.value_range import Depth
from presage.training.model import FORMAT
from presage.training.model.program import export_onnx, export_program
from presage.training.model.reading_folders import read_description, read_weights
from presage.training.model.readme import readme
from presage.training.model.trained import TrainedModel
from presage.training.recipe import Recipe

__all__ = ["ARCHITECTURE", "FORMAT", "ONNX", "PROGRAM", "README", "VERSION", "WEIGHTS", "load_model", "save_model"]

VERSION = 1
ARCHITECTURE, WEIGHTS, PROGRAM = "architecture.json", "weights.safetensors", "program.pt2"
ONNX, README = "model.onnx", "README.md"

_LARGEST_DESCRIPTION = 64 * 2**20  # bytes; no network that can be built has a longer one


def save_model(model: TrainedModel, folder: Path, *, program: bool = True, onnx: bool = False) -> None:
    """Write a model's folder; files of the same names are replaced, each whole or not at all.

    Args:
        program: whether the exported program is written too (seconds).
        onnx: whether the ONNX file is.

    Raises:
        InvalidArgument: `onnx` without the packages of the extra ``presage[onnx]``; nothing is written then.
        StorageFull: the disk is full.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    if onnx:  # first: what it lacks is said before anything is written
        with replacing(folder / ONNX) as draft:
            export_onnx(model.program(), draft)
    weights = save({name: value.detach().cpu().contiguous() for name, value in model.module.state_dict().items()})
    with replacing(folder / WEIGHTS) as draft:
        draft.write_bytes(weights)
    if program:
        with replacing(folder / PROGRAM) as draft:
            export_program(model.program(), draft)
    with replacing(folder / README) as draft:
        draft.write_text(readme(model, folder.name, program=program, onnx=onnx), encoding="utf-8")
    write_json(folder / ARCHITECTURE, {**_described(model), "weights_sha256": hashlib.sha256(weights).hexdigest()})


def load_model(folder: str | Path) -> TrainedModel:
    """The model that `presage train` or `presage search` left in a folder.

    Raises:
        InvalidModel: the folder holds none, one that is damaged, or one that a newer presage wrote.
    """
    folder = user_path(folder, "folder", "load_model")
    refusal = partial(_refusal, folder)
    described = read_description(folder / ARCHITECTURE, FORMAT, VERSION, _LARGEST_DESCRIPTION, refusal)
    try:
        architecture = from_json(described["architecture"])
        classes = _names(described["classes"])
        c, h, w = (int(value) for value in described["input_shape"])
        mean, deviation = (_numbers(described[name], c) for name in ("mean", "deviation"))
        recipe = described.get("recipe")
        module = build(architecture, (c, h, w), len(classes))
        model = TrainedModel(
            architecture=architecture,
            module=module.eval(),
            classes=classes,
            input_shape=(c, h, w),
            mean=mean,
            deviation=deviation,
            dataset=str(described.get("dataset", "")),
            stored_side=_optional_side(described.get("stored_side")),
            recipe=None if recipe is None else Recipe.from_json(recipe),
            accuracy=_optional_accuracy(described.get("accuracy")),
            test_accuracy=_optional_accuracy(described.get("test_accuracy")),
            balanced_accuracy=_optional_accuracy(described.get("balanced_accuracy")),
            test_balanced_accuracy=_optional_accuracy(described.get("test_balanced_accuracy")),
            depth=None if (depth := described.get("depth")) is None else Depth.from_json(depth),
            stopped_after=_optional_epochs(described.get("stopped_after")),
            members=tuple(hex_name(one) for one in _names(described.get("members", []))),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # WrongInput is a ValueError
        reason = str(error) if isinstance(error, WrongInput) else f"{type(error).__name__}: {error}"
        raise _refusal(folder, f"{ARCHITECTURE} is damaged: {' '.join(reason.split())}") from None
    _load_weights(model, folder, described.get("weights_sha256"))
    return model


def _load_weights(model: TrainedModel, folder: Path, digest: object) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read_weights(folder / WEIGHTS, digest, partial(_refusal, folder))
    try:
        model.module.load_state_dict(load(content))
    except (SafetensorError, RuntimeError, KeyError, ValueError):
        raise _refusal(folder, f"{WEIGHTS} are not the weights of its architecture") from None
    if not all(bool(torch.isfinite(value).all()) for value in model.module.state_dict().values()):
        raise _refusal(folder, f"{WEIGHTS} hold numbers that are not finite")


def _described(model: TrainedModel) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "architecture": to_json(model.architecture),
        "input_shape": list(model.input_shape),
        "classes": list(model.classes),
        "mean": list(model.mean),
        "deviation": list(model.deviation),
        "dataset": model.dataset,
        "stored_side": model.stored_side,
        "recipe": None if model.recipe is None else model.recipe.to_json(),
        "accuracy": model.accuracy,
        "test_accuracy": model.test_accuracy,
        "balanced_accuracy": model.balanced_accuracy,
        "test_balanced_accuracy": model.test_balanced_accuracy,
        **({"depth": model.depth.to_json()} if model.depth is not None else {}),
        **({"stopped_after": model.stopped_after} if model.stopped_after is not None else {}),
        **({"members": list(model.members)} if model.members else {}),
    }


def _refusal(folder: Path, reason: str) -> InvalidModel:
    return InvalidModel(f"The folder `{folder}` holds no trained network that can be used: {reason}.")


def _names(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(name, str) for name in values):
        raise ValueError("`classes` and `members` must be lists of names")
    return tuple(values)


def _numbers(values: object, count: int) -> tuple[float, ...]:
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"`mean` and `deviation` must have {count} numbers")
    numbers = tuple(float(value) for value in values)
    if not all(math.isfinite(value) for value in numbers):
        raise ValueError("`mean` and `deviation` must be finite")
    return numbers


def _optional_side(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1024:
        raise ValueError("`stored_side` must be within 1 and 1024")
    return value


def _optional_epochs(value: object) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1_000_000:
        raise ValueError("`stopped_after` must be within 1 and 1000000")
    return value


def _optional_accuracy(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("an accuracy must be within 0 and 1")
    return float(value)
