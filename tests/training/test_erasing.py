from __future__ import annotations

import torch

from presage.training.erasing import AREAS, erased, rectangles


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_rectangle_covers_the_pixels_from_its_corner() -> None:
    given = [torch.tensor([float(value)]) for value in (1, 2, 2, 1)]
    expected = torch.zeros(1, 4, 5, dtype=torch.bool)
    expected[0, 1:3, 2:3] = True
    assert torch.equal(rectangles(*given, 4, 5), expected)


def test_one_rectangle_of_each_image_is_filled_with_the_colour() -> None:
    images = torch.full((400, 3, 20, 16), 9, dtype=torch.uint8)
    fill = torch.tensor([100, 50, 0], dtype=torch.uint8)
    found = erased(images, 1.0, fill, generator())
    changed = (found != images).any(dim=1)
    areas = []
    for picture, where in zip(found, changed, strict=True):
        rows, columns = where.any(dim=1).nonzero()[:, 0], where.any(dim=0).nonzero()[:, 0]
        assert where.sum() == len(rows) * len(columns) == (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1)
        assert torch.equal(picture[:, where], fill[:, None].expand(3, int(where.sum())))
        areas.append(len(rows) * len(columns) / 320)
    assert AREAS[0] / 2 < min(areas) < 0.05
    assert 0.3 < max(areas) < AREAS[1] * 1.1
    assert len(set(areas)) > 30
    assert all(bool(changed[:, row, column].any()) for row in (0, 19) for column in (0, 15))


def test_as_many_images_are_erased_as_the_probability_says() -> None:
    images = torch.zeros(2000, 1, 8, 8)
    found = erased(images, 0.25, torch.ones(1), generator())
    share = found.flatten(1).any(dim=1).float().mean()
    assert 0.21 < share < 0.29
    assert torch.equal(erased(images, 0.0, torch.ones(1), generator()), images)


def test_the_same_generator_state_gives_the_same_rectangles() -> None:
    images = torch.zeros(50, 1, 8, 8)
    first, second, third = (erased(images, 0.5, torch.ones(1), generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def test_the_least_image_is_erased_without_error() -> None:
    assert erased(torch.zeros(9, 1, 1, 1), 1.0, torch.ones(1), generator()).min() == 1
