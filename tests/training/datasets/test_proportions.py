"""Strips become squares like all else, but not without a word."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from presage.training.datasets.loading import load_dataset
from presage.training.datasets.proportions import squashed


def _noise(height: int, width: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_from_eight_times_the_proportions_either_way_round() -> None:
    sizes = np.array([[10, 79], [10, 80], [80, 10], [3, 4000], [0, 5]])
    (line,) = squashed(sizes, ["a", "b", "c", "d", "e"], "photos")
    assert line.startswith("Squashed into squares: 3 images of `photos` of 8 times the proportions and more ")
    assert "(`b, 10 x 80`, `c, 80 x 10`, `d, 3 x 4000`)" in line
    assert squashed(sizes[:1], ["a"], "photos") == ()


def test_a_strip_in_a_folder_is_named_also_where_pixels_are_kept(tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for i in range(12):
        path = root / "ab"[i % 2] / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(_noise(20, 24, i)).save(path)
    assert load_dataset(root).warnings == ()
    Image.fromarray(_noise(4000, 3, 99)).save(root / "a" / "strip.png")
    for _ in range(2):
        (line,) = load_dataset(root, cache=tmp_path / "cache").warnings
        assert "1 image of" in line
        assert "`a/strip.png, 3 x 4000`" in line


def test_arrays_of_strips_are_named_by_place(tmp_path: Path) -> None:
    x = np.stack([_noise(2, 40, i) for i in range(12)])
    np.savez(tmp_path / "strips.npz", x_train=x, y_train=np.arange(12) % 2)
    (line,) = load_dataset(tmp_path / "strips.npz").warnings
    assert "12 images of" in line
    assert "`x_train[0], 40 x 2`" in line
    assert "and 4 more" in line
