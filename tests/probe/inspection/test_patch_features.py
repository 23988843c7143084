"""Features by patches of the images themselves: what they are blind to, and what they see."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from presage.probe.inspection.patch_features import COARSE, FILTERS, POOLED, SIDE, PatchFeatures, at_side


def _images(channels: int) -> torch.Tensor:
    drawn = torch.Generator().manual_seed(0)
    return torch.randint(40, 200, (50, channels, SIDE, SIDE), generator=drawn, dtype=torch.uint8)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_same_draw_gives_the_same_features(channels: int) -> None:
    images = _images(channels)
    banks = [PatchFeatures(images, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4)]
    first, again, other = (bank(images) for bank in banks)
    assert first.shape == (50, 2 * FILTERS * POOLED**2 + channels * COARSE**2)
    assert first.isfinite().all()
    torch.testing.assert_close(first, again)
    assert not torch.allclose(first, other)


def test_a_filter_answers_as_the_whitened_patch_does() -> None:
    images = _images(3)
    bank = PatchFeatures(images, torch.Generator().manual_seed(0))
    brighter = bank(images + 50)[:, : 2 * FILTERS * POOLED**2]
    torch.testing.assert_close(brighter, bank(images)[:, : 2 * FILTERS * POOLED**2], atol=1e-3, rtol=1e-3)
    flat = bank(torch.full((1, 3, SIDE, SIDE), 90, dtype=torch.uint8))[0]
    torch.testing.assert_close(flat[-3 * COARSE**2 :], torch.full((3 * COARSE**2,), 90 / 255))
    held = flat[: 2 * FILTERS * POOLED**2].view(2, FILTERS, -1)
    assert float((held - held[..., :1]).abs().max()) < 1e-5  # of one colour: the same everywhere


def test_images_of_any_side_come_to_one() -> None:
    assert at_side(np.zeros((2, 40, 40, 3), np.uint8)).shape == (2, 3, SIDE, SIDE)
    assert at_side(np.zeros((2, 8, 8, 1), np.uint8)).shape == (2, 1, SIDE, SIDE)
