"""Batches resized without aliasing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from presage.training.augment import resized


def test_halving_a_step_gives_the_triangle_filter_by_hand() -> None:
    # halving: weights 1/8 3/8 3/8 1/8 over four pixels, renormalised at the border
    row = torch.tensor([0, 0, 0, 0, 240, 240, 240, 240], dtype=torch.uint8)
    images = row.expand(2, 1, 8, 8).contiguous()
    assert resized(images, 4)[1, 0, 0].tolist() == [0, 30, 210, 240]


@pytest.mark.parametrize(("size", "side"), [((37, 21), 16), ((64, 64), 32), ((8, 8), 16), ((28, 28), 16), ((9, 50), 3)])
def test_it_agrees_with_pillow(size: tuple[int, int], side: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.BILINEAR)).astype(int)
    found = resized(torch.from_numpy(pixels).permute(2, 0, 1)[None], side)[0].permute(1, 2, 0).numpy().astype(int)
    assert np.abs(found - expected).max() <= 1


def test_a_fine_pattern_becomes_grey_rather_than_a_false_one() -> None:
    board = torch.from_numpy((np.indices((32, 32)).sum(axis=0) % 2 * 255).astype(np.uint8))
    small = resized(board.expand(1, 3, 32, 32), 8).int()
    assert (small - 127).abs().max() <= 2


def test_batches_larger_than_one_chunk() -> None:
    images = torch.randint(0, 256, (5000, 1, 4, 4), dtype=torch.uint8)
    assert torch.equal(resized(images, 2)[4998:], resized(images[4998:], 2))


def test_the_right_size_is_returned_untouched() -> None:
    images = torch.zeros((2, 1, 5, 5), dtype=torch.uint8)
    assert resized(images, 5) is images
