from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.transforms import functional as reference

from presage.training.recipe import POLICIES
from presage.training.transforms import (
    GEOMETRIC,
    PHOTOMETRIC,
    POLICY_TRANSFORMS,
    brightness,
    colour,
    contrast,
    equalised,
    moved_across,
    moved_down,
    posterised,
    rotated,
    sharpness,
    sheared_across,
    sheared_down,
    solarised,
    stretched,
    transformed,
)


def images(b: int = 6, c: int = 3, side: int = 9) -> torch.Tensor:
    """Uneven noise, so that its histogram is not flat."""
    drawn = torch.rand(b, c, side, side, generator=torch.Generator().manual_seed(0))
    return (drawn**2 * 200 + 20).byte()


def strengths(*values: float) -> torch.Tensor:
    return torch.tensor(values)


def rounded(found: torch.Tensor) -> torch.Tensor:
    return found.round().clamp(0, 255)


@pytest.mark.parametrize("value", [-1.0, -0.4, 0.0, 0.7, 1.0])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (brightness, reference.adjust_brightness),
        (contrast, reference.adjust_contrast),
        (colour, reference.adjust_saturation),
        (sharpness, reference.adjust_sharpness),
    ],
)
def test_factors_are_those_of_torchvision(ours, theirs, value: float) -> None:  # type: ignore[no-untyped-def]
    given = images()
    found = rounded(ours(given.float(), strengths(*[value] * 6)))
    expected = theirs(given, 1 + 0.9 * value).float()
    assert (found - expected).abs().max() <= 2  # they cut off fractions, twice


@pytest.mark.parametrize(("value", "bits"), [(0.0, 8), (0.5, 6), (-0.5, 6), (1.0, 4)])
def test_posterising_keeps_the_highest_bits(value: float, bits: int) -> None:
    given = images()
    found = posterised(given.float(), strengths(*[value] * 6))
    assert torch.equal(found, reference.posterize(given, bits).float())


def test_solarising_inverts_from_the_threshold_on() -> None:
    row = torch.tensor([0.0, 127.0, 128.0, 255.0]).view(1, 1, 1, 4)
    assert solarised(row, strengths(0.5)).flatten().tolist() == [0, 127, 127, 0]
    assert solarised(row, strengths(0.0)).flatten().tolist() == [0, 127, 128, 255]
    assert solarised(row, strengths(-1.0)).flatten().tolist() == [255, 128, 127, 0]


def test_stretching_reaches_black_and_white_in_each_channel() -> None:
    given = images()
    found = rounded(stretched(given.float(), torch.zeros(6)))
    assert (found - reference.autocontrast(given).float()).abs().max() <= 1
    flat = torch.full((1, 2, 3, 3), 7.0)
    assert torch.equal(stretched(flat, strengths(1.0)), flat)


def test_equalising_is_what_pil_does() -> None:
    given = images(side=32)
    found = equalised(given.float(), torch.zeros(6)).byte()
    for ours, before in zip(found, given, strict=True):
        expected = ImageOps.equalize(Image.fromarray(before.permute(1, 2, 0).numpy()))
        np.testing.assert_array_equal(ours.permute(1, 2, 0).numpy(), np.asarray(expected))
    flat = torch.full((1, 1, 3, 3), 7.0)
    assert torch.equal(equalised(flat, strengths(1.0)), flat)


def test_moving_by_whole_pixels_repeats_the_edge() -> None:
    given = torch.arange(100.0).view(1, 1, 10, 10)
    left = moved_across(given, strengths(1.0))  # 3 pixels
    torch.testing.assert_close(left[..., :7], given[..., 3:])
    torch.testing.assert_close(left[..., 7:], given[..., 9:].expand(1, 1, 10, 3))
    down = moved_down(given, strengths(-1.0))
    torch.testing.assert_close(down[..., 3:, :], given[..., :7, :])
    torch.testing.assert_close(down[..., :3, :], given[..., :1, :].expand(1, 1, 3, 10))


def test_a_rotation_is_torchvision_s_inside_the_image() -> None:
    given = images(1, side=21).float()
    smooth = torch.nn.functional.avg_pool2d(given, 5, 1, 2)
    for value in (-1.0, 0.3, 1.0):
        expected = reference.rotate(smooth, 30 * value, reference.InterpolationMode.BILINEAR)
        torch.testing.assert_close(
            rotated(smooth, strengths(value))[..., 6:15, 6:15], expected[..., 6:15, 6:15], rtol=1e-3, atol=0.1
        )


def test_shearing_moves_rows_and_columns_in_proportion_to_their_distance_from_the_middle() -> None:
    across = torch.arange(21.0).expand(1, 1, 21, 21)
    found = sheared_across(across, strengths(1.0))
    for row in (5, 10, 15):
        torch.testing.assert_close(found[0, 0, row, 8:13], across[0, 0, row, 8:13] + 0.3 * (row - 10))
    down = across.transpose(2, 3)
    torch.testing.assert_close(sheared_down(down, strengths(-1.0))[0, 0, 8:13, 15], down[0, 0, 8:13, 15] - 1.5)


@pytest.mark.parametrize("transform", [*PHOTOMETRIC, *GEOMETRIC])
@pytest.mark.parametrize("shape", [(3, 1, 1, 1), (3, 3, 5, 4), (3, 4, 2, 7)])
def test_each_transform_takes_images_of_any_shape(transform, shape: tuple[int, ...]) -> None:  # type: ignore[no-untyped-def]
    given = torch.rand(shape) * 255
    found = transform(given, strengths(-1.0, 0.0, 1.0))
    assert found.shape == given.shape
    assert bool(found.isfinite().all())


def test_each_image_gets_a_transform_and_strength_of_its_own() -> None:
    given = images(1).expand(300, 3, 9, 9).contiguous(memory_format=torch.channels_last)
    found = transformed(given, POLICY_TRANSFORMS["trivial"], torch.Generator().manual_seed(0))
    assert found.dtype == torch.uint8
    assert found.is_contiguous(memory_format=torch.channels_last)
    assert len(found.flatten(1).unique(dim=0)) > 150
    same = (found == given).flatten(1).all(dim=1).sum()
    assert 8 <= same <= 60  # the identity, and what changes nothing
    again = transformed(given, POLICY_TRANSFORMS["trivial"], torch.Generator().manual_seed(0))
    assert torch.equal(found, again)


def test_every_policy_of_a_recipe_has_its_transforms() -> None:
    assert tuple(POLICY_TRANSFORMS) == POLICIES
    assert POLICY_TRANSFORMS["none"] == ()
