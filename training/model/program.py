"""`Program`: preprocessing and network in one module, from uint8 images of any size to logits; and its exports.

What it computes is what presage trained: images resized (bilinear, antialiased, to whole levels of 0 to 255) and
normalised as the training images were. The exported program needs torch alone, the ONNX file a runtime for ONNX.
"""

from __future__ import annotations

import importlib.util
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from presage.errors import InvalidArgument
from presage.training.augment import normalised, resized_batch

__all__ = ["LARGEST_SIDE", "MOST_IMAGES", "Program", "check_onnx", "export_onnx", "export_program"]

LARGEST_SIDE = 16_384
"""Height and width, in pixels, up to which an exported program takes images."""

MOST_IMAGES = 65_536
"""Images in one call of an exported program."""


class Program(nn.Module):
    """uint8 images (b, c, h, w) of any height and width → logits (b, k).

    Args:
        network: takes normalised images (b, c, s, s).
        side: s, in pixels.
        mean, deviation: (c,) of the training images, in units of 0 to 255.
        mirroring: logits are the mean of those of an image and its mirror image, as a recipe's `test_mirroring` has it.
    """

    def __init__(
        self,
        network: nn.Module,
        side: int,
        mean: Sequence[float],
        deviation: Sequence[float],
        *,
        mirroring: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.side, self.mirroring = network, side, mirroring
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32))
        self.register_buffer("deviation", torch.tensor(deviation, dtype=torch.float32))

    def forward(self, images: Tensor) -> Tensor:
        levels = resized_batch(images, self.side)  # (b, c, s, s), whole numbers
        x = normalised(levels, self.mean, self.deviation)
        logits: Tensor = self.network(x).float()
        return (logits + self.network(x.flip(3)).float()) / 2 if self.mirroring else logits


def export_program(program: Program, path: Path) -> None:
    """Write the program by `torch.export`: ``torch.export.load(path).module()(images)`` needs torch alone."""
    with _quietly():
        exported = torch.export.export(program.eval(), (_example(program),), dynamic_shapes=(_any_size(),))
        with path.open("wb") as stream:  # by a name that does not end in .pt2 it is written with a warning
            torch.export.save(exported, stream)


def check_onnx() -> None:
    """Refuse to begin what would end in an ONNX file that cannot be written.

    Raises:
        InvalidArgument: the packages of the extra ``presage[onnx]`` are not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxscript")):
        rule = "be asked for where `onnx` and `onnxscript` are installed"
        raise InvalidArgument("onnx", "export", rule, "neither, or one", "Type: pip install 'presage[onnx]'")


def export_onnx(program: Program, path: Path) -> None:
    """Write the program as ONNX: input ``images`` (uint8), output ``logits`` (float32).

    Raises:
        InvalidArgument: as `check_onnx`.
    """
    check_onnx()
    with _quietly():
        torch.onnx.export(
            program.eval(),
            (_example(program),),
            path,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=(_any_size(),),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


def _example(program: Program) -> Tensor:
    """Two images of unequal sides, so that nothing is taken to be fixed or square."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, len(program.mean), program.side + 21, program.side + 5)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _any_size() -> dict[int, Any]:
    dim = torch.export.Dim
    return {
        0: dim("images", min=1, max=MOST_IMAGES),
        2: dim("height", min=1, max=LARGEST_SIDE),
        3: dim("width", min=1, max=LARGEST_SIDE),
    }


@contextmanager
def _quietly() -> Iterator[None]:
    """Exporters warn and log about what is none of the user's business."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
