"""The page beside a trained model that says what it is and how to use it, with presage and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presage.speakable import named
from presage.training.recipe_words import recipe_words

if TYPE_CHECKING:
    from presage.training.model.trained import TrainedModel

__all__ = ["how_to_use", "readme"]

_PAGE = """# {title}

{about}

| | |
|---|---|
| classes | {classes} |
| images it was trained on | {size} pixels, {channels} |
| trained by | {recipe} |
| accuracy on validation images | {accuracy} |
| accuracy on test images | {test_accuracy} |

## Use it

```
presage classify {folder} IMAGE...
```

```python
{presage}```
{program}{onnx}"""

_PRESAGE = """import presage

model = presage.load("{folder}")
names = model.predict(["a.jpg", "b.png"])  # files, folders, Pillow images or uint8 arrays of any size
"""

_TORCH = """import torch

program = torch.export.load("{folder}/program.pt2").module()
logits = program(images)  # uint8 tensor (n, {c}, height, width) of 0 to 255, any size; resized and normalised inside
"""

_ONNX = """import onnxruntime

session = onnxruntime.InferenceSession("{folder}/model.onnx")
(logits,) = session.run(None, {{"images": images}})  # uint8 array (n, {c}, height, width)
"""


def readme(model: TrainedModel, folder: str, *, program: bool, onnx: bool) -> str:
    """Markdown for a model that lies in a folder of this name.

    Args:
        program, onnx: whether the exported program and the ONNX file lie there too.
    """
    c, side, _ = model.input_shape
    shown = ", ".join(model.classes[:20]) + (f" … ({len(model.classes)} in all)" if len(model.classes) > 20 else "")
    of = f" on {model.dataset}" if model.dataset else ""
    return _PAGE.format(
        title=f"Network {named(model.architecture.hash)}",
        about=f"An image classifier found and trained by presage{of}.",
        classes=shown.replace("|", "\\|"),
        size=f"{side}x{side}",
        channels="grey" if c == 1 else "colour",
        recipe=_recipe(model),
        accuracy=_accuracy(model.accuracy, model.balanced_accuracy),
        test_accuracy=_accuracy(model.test_accuracy, model.test_balanced_accuracy),
        folder=folder,
        presage=_PRESAGE.format(folder=folder),
        program=_block("Without presage, with torch alone", _TORCH.format(folder=folder, c=c)) if program else "",
        onnx=_block("With a runtime for ONNX", _ONNX.format(folder=folder, c=c)) if onnx else "",
    )


def how_to_use(folder: str, channels: int, *, program: bool) -> str:
    """Python to run where the folder lies: with presage, and with torch alone where the exported program is there."""
    alone = f"\n# or, with torch alone:\n{_TORCH.format(folder=folder, c=channels)}" if program else ""
    return _PRESAGE.format(folder=folder) + alone


def _recipe(model: TrainedModel) -> str:
    if model.recipe is None:
        return "unknown"
    words = recipe_words(model.recipe)
    if model.members:
        words = f"{words}; the mean of the logits of {len(model.members)} networks: " + ", ".join(
            map(named, model.members)
        )
    if model.stopped_after is None:
        return words
    return f"{words}; **stopped after epoch {model.stopped_after} of {model.recipe.epochs}**, before its schedule ended"


def _block(title: str, code: str) -> str:
    return f"\n{title}:\n\n```python\n{code}```\n"


def _accuracy(value: float | None, balanced: float | None) -> str:
    if value is None:
        return "not measured"
    return f"{value:.3f} (trained)" + ("" if balanced is None else f"; balanced, over the classes: {balanced:.3f}")
