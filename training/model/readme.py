"""The page beside a trained model that says what it is and how to use it, with presage and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from presage.training.recipe_words import recipe_words

if TYPE_CHECKING:
    from presage.training.model.trained import TrainedModel

__all__ = ["readme"]

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
import presage

model = presage.load("{folder}")
names = model.predict(["a.jpg", "b.png"])  # files, folders, Pillow images or uint8 arrays of any size
```

Without presage, with torch alone:

```python
import torch

program = torch.export.load("{folder}/program.pt2").module()
logits = program(images)  # uint8 tensor (n, {c}, height, width) of 0 to 255, any size; resized and normalised inside
```
{onnx}"""

_ONNX = """
With a runtime for ONNX:

```python
import onnxruntime

session = onnxruntime.InferenceSession("{folder}/model.onnx")
(logits,) = session.run(None, {{"images": images}})  # uint8 array (n, {c}, height, width)
```
"""


def readme(model: TrainedModel, folder: str, *, onnx: bool) -> str:
    """Markdown for a model that lies in a folder of this name."""
    c, side, _ = model.input_shape
    shown = ", ".join(model.classes[:20]) + (f" … ({len(model.classes)} in all)" if len(model.classes) > 20 else "")
    of = f" on {model.dataset}" if model.dataset else ""
    return _PAGE.format(
        title=f"Network {model.architecture.hash[:12]}",
        about=f"An image classifier found and trained by presage{of}.",
        classes=shown.replace("|", "\\|"),
        size=f"{side}x{side}",
        channels="grey" if c == 1 else "colour",
        recipe=recipe_words(model.recipe) if model.recipe else "unknown",
        accuracy=_accuracy(model.accuracy),
        test_accuracy=_accuracy(model.test_accuracy),
        folder=folder,
        c=c,
        onnx=_ONNX.format(folder=folder, c=c) if onnx else "",
    )


def _accuracy(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.3f} (trained)"
