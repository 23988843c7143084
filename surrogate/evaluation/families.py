"""Which datasets of the shipped experience are alike: a family is left out whole to test whether anything transfers."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["FAMILIES"]

FAMILIES: Mapping[str, str] = {
    "apple_leaves": "plants",
    "arabic_digits": "digits",
    "arabic_letters": "characters",
    "asl36": "hands",
    "brain_tumor": "medical",
    "cat_humpback": "animals",
    "cats_dogs": "animals",
    "cifar10": "objects",
    "ckplus": "faces",
    "coil20": "objects",
    "dig_mnist": "digits",
    "dtd10": "textures",
    "face_mask": "faces",
    "facial_expressions": "faces",
    "fashion_mnist": "objects",
    "flowers5": "plants",
    "fruit_shapes": "drawings",
    "gtsrb": "signs",
    "hiragana": "characters",
    "hoda_farsi_digits": "digits",
    "mlia_digits": "digits",
    "mnist": "digits",
    "natural_images": "objects",
    "omniglot_small": "characters",
    "orl_faces": "faces",
    "quickdraw3": "drawings",
    "semeion": "digits",
    "tiny_imagenet": "objects",
    "weather4": "scenes",
}
"""Name of a dataset → its family."""
