from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from presage.training import Recipe
from presage.training.augment import augmented, augmented_by, normalised, resized


def images(b: int = 64, c: int = 3, side: int = 6) -> torch.Tensor:
    return torch.randint(0, 256, (b, c, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_every_image_is_one_of_its_shifts_and_all_shifts_occur() -> None:
    given = images(400)
    found = augmented(given, shift=1, flip=False, generator=torch.Generator().manual_seed(1))
    padded = F.pad(given.float(), (1, 1, 1, 1), mode="replicate").byte()
    seen = set()
    for before, after in zip(padded, found, strict=True):
        matches = [
            (dy, dx) for dy in range(3) for dx in range(3) if torch.equal(before[:, dy : dy + 6, dx : dx + 6], after)
        ]
        assert matches
        seen.update(matches)
    assert len(seen) == 9


def test_flip_mirrors_about_half_the_images_and_only_when_asked() -> None:
    given = images(400)
    found = augmented(given, shift=0, flip=True, generator=torch.Generator().manual_seed(1))
    same = (found == given).flatten(1).all(dim=1)
    mirrored = (found == given.flip(3)).flatten(1).all(dim=1)
    assert bool((same ^ mirrored).all())
    assert 140 < int(mirrored.sum()) < 260
    assert torch.equal(augmented(given, shift=0, flip=False, generator=torch.Generator()), given)


def test_the_same_generator_state_gives_the_same_images() -> None:
    given = images()
    first, second = (augmented(given, shift=2, flip=True, generator=torch.Generator().manual_seed(5)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.is_contiguous(memory_format=torch.channels_last)


def test_normalised_images_have_mean_0_and_deviation_1() -> None:
    given = images(500)
    pixels = given.float()
    found = normalised(given, pixels.mean(dim=(0, 2, 3)), pixels.std(dim=(0, 2, 3)))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.mean(dim=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(dim=(0, 2, 3)), 1, atol=1e-5)


def test_resizing_averages_where_it_shrinks_and_leaves_the_right_size_alone() -> None:
    checker = (torch.arange(16)[:, None] + torch.arange(16)[None, :]) % 2 * 255
    found = resized(checker.byte()[None, None], 4)
    assert found.shape == (1, 1, 4, 4)
    assert int(found.min()) > 110  # antialiased: no pixel picks black or white alone
    assert int(found.max()) < 145
    given = images()
    assert resized(given, 6) is given
    assert resized(given[:0], 3).shape == (0, 3, 3, 3)


def test_a_recipe_without_later_fields_augments_as_before() -> None:
    given, mean = images(), torch.zeros(3)
    found = augmented_by(Recipe(shift=2, flip=True), given, mean, torch.Generator().manual_seed(5))
    assert torch.equal(found, augmented(given, shift=2, flip=True, generator=torch.Generator().manual_seed(5)))


def test_what_a_recipe_asks_for_is_done_one_after_the_other() -> None:
    given, mean = images(200), torch.tensor([10.4, 20.6, 30.0])
    recipe = Recipe(shift=0, shift_fraction=0.1, erasing=1.0, policy="trivial")
    found = augmented_by(recipe, given, mean, torch.Generator().manual_seed(5))
    assert found.dtype == torch.uint8
    filled = (found == torch.tensor([10, 21, 30])[:, None, None]).all(dim=1).flatten(1).any(dim=1)
    assert bool(filled.all())
    assert not torch.equal(
        found,
        augmented_by(Recipe(shift=0, shift_fraction=0.1, erasing=1.0), given, mean, torch.Generator().manual_seed(5)),
    )
