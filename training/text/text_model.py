"""`TextModel`: a trained network for text with all that is needed to use it, and the folder that it is kept in.

``model.json`` (cell, vocabulary, recipe, how good it is), ``weights.safetensors``, ``model.py`` (torch and safetensors
alone, `presage.training.text.standalone`) and ``README.md``. Nothing in it is unpickled, nor run by `load_text_model`.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from presage.architecture.recurrent.cell import RecurrentCell
from presage.architecture.recurrent.serial import cell_from_json, cell_to_json
from presage.errors import InvalidArgument, InvalidModel, WrongInput
from presage.files import replacing, write_json
from presage.places import user_path
from presage.records.text_experiment import TEXT_METRICS
from presage.speakable import named
from presage.training.model.reading_folders import read_description, read_weights
from presage.training.text import standalone
from presage.training.text.fitting import TextTraining
from presage.training.text.language_model import LanguageModel
from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData

__all__ = ["DESCRIPTION", "FORMAT", "PROGRAM", "README", "WEIGHTS", "TextModel", "load_text_model", "save_text_model"]

FORMAT, VERSION = "presage-text-model", 1
DESCRIPTION, WEIGHTS, PROGRAM, README = "model.json", "weights.safetensors", "model.py", "README.md"
_LARGEST_DESCRIPTION = 256 * 2**20  # bytes


@dataclass(frozen=True, eq=False)
class TextModel:
    """What a training on a text left.

    Attributes:
        cell: in canonical form.
        weights: by name: `embedding` (k, e), `matrix.{node}.{source}` (h, w), `bias.{node}` (h), `classifier.weight`
            (k, h) and `classifier.bias` (k), where nodes are those of the cell.
        symbols: (k,) the vocabulary; the first stands for what is unknown.
        words: size of the vocabulary of words; 0: its symbols are characters.
        text: name of the text.
        fingerprint: of the text.
        recipe: how it was trained.
        metric: what `value` and `test_value` are of.
        value, test_value: on the validation and the test text.
        parameters: learned numbers.
    """

    cell: RecurrentCell
    weights: Mapping[str, Tensor]
    symbols: tuple[str, ...]
    words: int
    text: str
    fingerprint: str
    recipe: TextRecipe
    metric: str
    value: float
    test_value: float
    parameters: int

    @classmethod
    def of(cls, data: TextData, cell: RecurrentCell, recipe: TextRecipe, training: TextTraining) -> TextModel:
        """Of a training that finished.

        Raises:
            InvalidArgument: it did not.
        """
        if training.model is None or training.value is None or training.test_value is None:
            raise InvalidArgument("training", "TextModel.of", "be one that finished", training.status)
        return cls(
            cell.canonical,
            named_weights(training.model),
            data.symbols,
            data.words,
            data.name,
            data.fingerprint,
            recipe,
            training.metric,
            training.value,
            training.test_value,
            training.parameters,
        )

    @property
    def network(self) -> standalone.TextNetwork:
        """The network, a symbol at a time, as the folder's own program runs it."""
        return standalone.TextNetwork(self._described(), dict(self.weights))

    def generate(self, prompt: str = "", count: int = 400, temperature: float = 0.8, seed: int = 0) -> str:
        """`count` symbols that go on from a prompt.

        Args:
            prompt: what the network reads first; a new line where it is empty.
            temperature: under 1 the likely becomes likelier; 0 takes the likeliest symbol each time.
        """
        if count < 1:
            raise InvalidArgument("count", "generate", "be at least 1", count)
        if not 0 <= temperature <= 100:
            raise InvalidArgument("temperature", "generate", "be within 0 and 100", temperature)
        return standalone.generate(self.network, prompt, count, temperature, seed)

    def _described(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "cell": cell_to_json(self.cell),
            "words": self.words,
            "symbols": list(self.symbols),
            "text": self.text,
            "fingerprint": self.fingerprint,
            "recipe": self.recipe.to_json(),
            "metric": self.metric,
            "value": self.value,
            "test_value": self.test_value,
            "parameters": self.parameters,
        }

    def __repr__(self) -> str:
        return f"TextModel({named(self.cell.hash)}, {self.metric} {self.value:.3f} on {self.text})"


def named_weights(model: LanguageModel) -> dict[str, Tensor]:
    """The weights of a network by the nodes of its cell, on the CPU."""
    recurrent, plan = model.recurrent, model.recurrent.plan
    h = recurrent.hidden
    found = {
        "embedding": model.embedding.weight,
        "classifier.weight": model.classifier.weight,
        "classifier.bias": model.classifier.bias,
    }
    for place, node in enumerate(plan.fed):
        found[f"matrix.{node}.0"] = recurrent.fed[place * h : (place + 1) * h]
    for group, weight in zip(plan.groups, recurrent.matrices, strict=True):
        for place, node in enumerate(group.matrices):
            found[f"matrix.{node}.{group.source}"] = weight[place * h : (place + 1) * h]
    for place, node in enumerate(plan.biased):
        found[f"bias.{node}"] = recurrent.bias[place * h : (place + 1) * h]
    return {name: weight.detach().cpu().clone().contiguous() for name, weight in found.items()}


def save_text_model(model: TextModel, folder: Path) -> None:
    """Write a model's folder; files of the same names are replaced, each whole or not at all.

    Raises:
        StorageFull: the disk is full.
    """
    from safetensors.torch import save

    folder.mkdir(parents=True, exist_ok=True)
    weights = save(dict(model.weights))
    with replacing(folder / WEIGHTS) as draft:
        draft.write_bytes(weights)
    with replacing(folder / PROGRAM) as draft:
        draft.write_text(inspect.getsource(standalone), encoding="utf-8")
    with replacing(folder / README) as draft:
        draft.write_text(_readme(model), encoding="utf-8")
    described = model._described()
    write_json(folder / DESCRIPTION, {**described, "weights_sha256": hashlib.sha256(weights).hexdigest()})


def load_text_model(folder: str | Path) -> TextModel:
    """The model that `presage text` left in a folder.

    Raises:
        InvalidModel: the folder holds none, one that is damaged, or one that a newer presage wrote.
    """
    folder = user_path(folder, "folder", "load_text_model")
    refusal = partial(_refusal, folder)
    described = read_description(folder / DESCRIPTION, FORMAT, VERSION, _LARGEST_DESCRIPTION, refusal)
    try:
        cell = cell_from_json(described["cell"])
        symbols, words = described["symbols"], int(described["words"])
        if not isinstance(symbols, list) or not all(isinstance(symbol, str) for symbol in symbols):
            raise ValueError("`symbols` must be a list of texts")
        if described["metric"] not in TEXT_METRICS:
            raise ValueError(f"`metric` must be one of {', '.join(TEXT_METRICS)}")
        weights = _weights(folder, described["weights_sha256"])
        _check_weights(cell, len(symbols), weights)
        return TextModel(
            cell,
            weights,
            tuple(symbols),
            words,
            str(described["text"]),
            str(described["fingerprint"]),
            TextRecipe.from_json(described["recipe"]),
            described["metric"],
            float(described["value"]),
            float(described["test_value"]),
            int(described["parameters"]),
        )
    except InvalidModel:
        raise
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # WrongInput is a ValueError
        reason = str(error) if isinstance(error, WrongInput) else f"{type(error).__name__}: {error}"
        raise _refusal(folder, f"{DESCRIPTION} is damaged: {' '.join(reason.split())}") from None


def _weights(folder: Path, digest: object) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read_weights(folder / WEIGHTS, digest, partial(_refusal, folder))
    try:
        found: dict[str, Tensor] = load(content)
    except SafetensorError:
        raise _refusal(folder, f"{WEIGHTS} hold no weights") from None
    if not all(bool(torch.isfinite(value).all()) for value in found.values()):
        raise _refusal(folder, f"{WEIGHTS} hold numbers that are not finite")
    return found


def _check_weights(cell: RecurrentCell, symbols: int, weights: Mapping[str, Tensor]) -> None:
    """Their names and shapes are those of the cell and the vocabulary."""
    k, h = weights["classifier.weight"].shape
    e = weights["embedding"].shape[1]
    expected = {"embedding": (symbols, e), "classifier.weight": (symbols, h), "classifier.bias": (symbols,)}
    for at, node in enumerate(cell.nodes):
        if node.operation.name == "matrix":
            for source in node.inputs:
                of_input = cell.nodes[source].operation.name == "cell_input"
                expected[f"matrix.{at}.{source}"] = (h, e if of_input else h)
            if getattr(node.operation, "bias", False):
                expected[f"bias.{at}"] = (h,)
    found = {name: tuple(weight.shape) for name, weight in weights.items()}
    if k != symbols or found != expected:
        wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
        raise ValueError(f"the weights are not those of its cell: {', '.join(wrong[:3])}")


def _readme(model: TextModel) -> str:
    kind = "words" if model.words else "characters"
    return f"""# A network for text

Trained by presage on {model.text}: {model.metric.replace("_", " ")} {model.value:.3f} on its validation text,
{model.test_value:.3f} on its test text (the lower the better); {len(model.symbols):,} {kind}, {model.parameters:,}
parameters; cell {named(model.cell.hash)}.

    presage generate . --prompt "Once upon a time"

or without presage, with torch and safetensors alone:

    python {PROGRAM} "Once upon a time"

`{DESCRIPTION}` holds the cell, the vocabulary and the recipe, `{WEIGHTS}` the weights.
"""


def _refusal(folder: Path, reason: str) -> InvalidModel:
    said = reason.rstrip(".")
    return InvalidModel(f"The folder `{folder}` holds no trained network for text that can be used: {said}.")
