"""Batches resized without aliasing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from presage_errors import InvalidArgument
from training.resize import resize


def test_halving_a_step_gives_the_triangle_filter_by_hand() -> None:
    # halving: weights 1/8 3/8 3/8 1/8 over four pixels, renormalised at the border
    row = torch.tensor([0, 0, 0, 0, 240, 240, 240, 240], dtype=torch.uint8)
    images = row.expand(2, 1, 8, 8).contiguous()
    assert resize(images, 4)[1, 0, 0].tolist() == [0, 30, 210, 240]


@pytest.mark.parametrize(("size", "side"), [((37, 21), 16), ((64, 64), 32), ((8, 8), 16), ((28, 28), 16), ((9, 50), 3)])
def test_it_agrees_with_pillow(size: tuple[int, int], side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)).astype(int)
    found = resize(torch.from_numpy(pixels).permute(2, 0, 1)[None], side)[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - expected).max() <= 1


def test_a_fine_pattern_becomes_grey_rather_than_a_false_one() -> None:
    board = torch.from_numpy((np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8))
    small = resize(board.expand(1, 3, 32, 32), 8).int()
    assert (small - 127).abs().max() <= 2


def test_batches_larger_than_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    images = torch.randint(0, 256, (10, 1, 6, 6), dtype=torch.uint8)
    whole = resize(images, 3)
    monkeypatch.setattr("training.resize._IMAGES_AT_ONCE", 4)
    assert torch.equal(resize(images, 3), whole)
    assert resize(images[:0], 3).shape == (0, 1, 3, 3)


def test_the_right_size_is_returned_untouched() -> None:
    images = torch.zeros((2, 1, 5, 5), dtype=torch.uint8)
    assert resize(images, 5) is images


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(InvalidArgument, match=r"The `images` of `resize` must be \(b, c, h, w\) uint8"):
        resize(torch.zeros(2, 1, 5, 5), 4)
    with pytest.raises(InvalidArgument, match="The `side` of `resize` must be at least 1"):
        resize(torch.zeros((2, 1, 5, 5), dtype=torch.uint8), 0)
