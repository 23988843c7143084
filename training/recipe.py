"""`Recipe`: everything about a training but the data, the network, the seed and the machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from presage.errors import InvalidArgument, UnknownName
from presage.training.recipe_fields import check_type, hash_of, with_floats

__all__ = ["AUTO", "OPTIMIZERS", "POLICIES", "PRECISIONS", "SCHEDULES", "Recipe"]

OPTIMIZERS = ("adamw", "sgd")
"""`adamw` is decoupled Adam (1711.05101), `sgd` has Nesterov momentum."""

SCHEDULES = ("one_cycle", "constant")
"""`one_cycle` is a linear warm-up and a cosine down to nothing, step by step (after 1708.07120)."""

PRECISIONS = ("auto", "float32", "bfloat16")
"""`auto` takes bfloat16 autocast where the hardware multiplies it, else float32."""

POLICIES = ("none", "trivial", "photometric", "geometric")
"""`trivial` applies one random transform of random strength to each image (TrivialAugment, 2103.10158), `photometric`
and `geometric` one of those alone; `presage.training.transforms` has them."""

AUTO = 0
"""As `batch` or `image_side`: the images tell (`presage.training.resolving`). In JSON, `"auto"`."""

FORMAT = "presage-recipe"
VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Two experiments are comparable when the hashes of their recipes are equal.

    The defaults are the recipe of the shipped experience: measured to train small networks near to convergence in a
    few seconds on one core.

    Attributes:
        epochs: passes of at least `least_epoch_images` images each.
        batch: images a step (fewer where the training set is smaller).
        optimizer: one of `OPTIMIZERS`.
        learning_rate: highest rate of the schedule.
        weight_decay: on weights of two or more axes only (not on biases nor normalisation).
        momentum: SGD's momentum, or Adam's first beta.
        schedule: one of `SCHEDULES`.
        warmup: share of all steps in which the rate rises.
        label_smoothing: mass of the target spread over all classes.
        clip: largest 2-norm of the gradient of a step; keeps networks without normalisation from diverging.
        shift: images are shifted by up to this many pixels each way, edge pixels repeated.
        flip: mirror images left-right at random. Off by default: letters and digits must not be.
        image_side: images are resized (antialiased) to this height and width.
        precision: one of `PRECISIONS`; what was used is recorded with the experiment.
        train_images: cap on training images, None for all.
        validation_fraction: share of the training images kept for validation, before `validation_images`.
        validation_images: cap on validation images.
        test_images: cap on test images, None for all.
        least_epoch_images: a smaller training set is passed over several times in an epoch.
        split_seed: seed of the division into training and validation.
        head_learning_rate: rate of the detached heads that read the accuracy by depth.
        shift_fraction: images are shifted by this share of `image_side` more, rounded to whole pixels.
        erasing: probability that a random rectangle of an image is filled with the mean colour (1708.04896).
        mixup: both parameters of the beta distribution that images and labels are mixed by (1710.09412); 0 is off.
        cutmix: the same for a rectangle of another image (1905.04899). With both, each image is mixed by either.
        policy: one of `POLICIES`.
        ema: decay of the average of the weights, step by step, that is scored in place of the last ones; 0 is off.
        class_weights: the loss of an image is weighted against the frequency of its class.
        test_mirroring: logits are averaged over an image and its mirror image, in validation and test.
        unknown: names of fields that nobody knows, of a training that was done elsewhere: their values are assumed. By
            such a recipe accuracies are known and predicted, and nothing is trained.

    The fields from `shift_fraction` on came later: while at its default, none is part of the JSON nor of the hash.
    """

    epochs: int = 12
    batch: int = 64
    optimizer: str = "adamw"
    learning_rate: float = 0.006
    weight_decay: float = 0.02
    momentum: float = 0.9
    schedule: str = "one_cycle"
    warmup: float = 0.2
    label_smoothing: float = 0.1
    clip: float = 1.0
    shift: int = 1
    flip: bool = False
    image_side: int = 16
    precision: str = "auto"
    train_images: int | None = 2000
    validation_fraction: float = 0.2
    validation_images: int = 1000
    test_images: int | None = 1000
    least_epoch_images: int = 1000
    split_seed: int = 0
    head_learning_rate: float = 0.02
    shift_fraction: float = 0.0
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    policy: str = "none"
    ema: float = 0.0
    class_weights: bool = False
    test_mirroring: bool = False
    unknown: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            check_type("Recipe", field.name, str(field.type), getattr(self, field.name))
        for name in ("epochs", "validation_images", "least_epoch_images"):
            _check(name, "be at least 1", getattr(self, name), lambda value: value >= 1)
        _check("batch", "be at least 1, or auto", self.batch, lambda value: value >= 1 or value == AUTO)
        for name in ("train_images", "test_images"):
            _check(
                name, "be at least 2, or None for all", getattr(self, name), lambda value: value is None or value >= 2
            )
        for name in ("learning_rate", "head_learning_rate", "clip"):
            _check(name, "be a positive number", getattr(self, name), lambda value: 0 < value < math.inf)
        _check("weight_decay", "be at least 0", self.weight_decay, lambda value: 0 <= value < math.inf)
        for name in ("momentum", "label_smoothing", "ema"):
            _check(name, "be at least 0 and under 1", getattr(self, name), lambda value: 0 <= value < 1)
        _check("warmup", "be within 0 and 1", self.warmup, lambda value: 0 <= value <= 1)
        _check("validation_fraction", "be over 0 and under 1", self.validation_fraction, lambda value: 0 < value < 1)
        rule = "be within 4 and 1024, or auto"
        _check("image_side", rule, self.image_side, lambda value: 4 <= value <= 1024 or value == AUTO)
        side = self.image_side or 1024
        _check("shift", "be at least 0 and under `image_side`", self.shift, lambda value: 0 <= value < side)
        _check("shift_fraction", "be at least 0 and under 1", self.shift_fraction, lambda value: 0 <= value < 1)
        if self.largest_shift >= side:
            rule = "leave the largest shift under `image_side`"
            raise InvalidArgument("shift_fraction", "Recipe", rule, self.shift_fraction)
        _check("erasing", "be within 0 and 1", self.erasing, lambda value: 0 <= value <= 1)
        for name in ("mixup", "cutmix"):
            _check(name, "be 0, or within 0.01 and 100", getattr(self, name), _mixes)
        _check("split_seed", "be at least 0", self.split_seed, lambda value: value >= 0)
        named = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "precision": PRECISIONS, "policy": POLICIES}
        for name, known in named.items():
            if getattr(self, name) not in known:
                raise UnknownName(name, getattr(self, name), known)
        for name in self.unknown:
            if name not in _NAMES:
                raise UnknownName("field of `Recipe`", str(name), _NAMES)
        object.__setattr__(self, "unknown", tuple(sorted(set(self.unknown))))

    def check_trainable(self) -> None:
        """Refuse to train by a recipe of which not all is known.

        Raises:
            InvalidArgument: names what is not known.
        """
        if self.unknown:
            rule = "be known whole to train by it"
            hint = f"Unknown: {', '.join(self.unknown)}."
            raise InvalidArgument("recipe", "training", rule, f"{self.hash[:12]}…", hint)

    @property
    def largest_shift(self) -> int:
        """By how many pixels images are shifted at most, each way."""
        return self.shift + round(self.shift_fraction * self.image_side)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the recipe's JSON, 64 hex digits."""
        return hash_of(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """The fields, with the format's name and version; those that came later only where not at their default."""
        shown = {name: value for name, value in asdict(self).items() if name not in _LATER or value != _LATER[name]}
        for name in ("batch", "image_side"):
            if shown[name] == AUTO:
                shown[name] = "auto"
        if self.unknown:
            shown["unknown"] = list(self.unknown)
        return {"format": FORMAT, "version": VERSION, **shown}

    @classmethod
    def from_json(cls, json_object: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_json` wrote. Missing fields take their defaults.

        Raises:
            InvalidArgument: for another format, a newer version, or a value out of its range.
            UnknownName: for a field that no recipe has; names the nearest.
        """
        if not isinstance(json_object, Mapping):
            raise InvalidArgument("value", "Recipe.from_json", "be an object of the fields of a recipe", json_object)
        given = dict(json_object)
        if given.pop("format", FORMAT) != FORMAT:
            raise InvalidArgument("format", "Recipe.from_json", f"be {FORMAT!r}", json_object["format"])
        if given.pop("version", VERSION) != VERSION:
            raise InvalidArgument(
                "version", "Recipe.from_json", f"be {VERSION}", json_object["version"], "Update presage to read it."
            )
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownName("field of `Recipe`", str(name), known)
        for name, least in (("batch", 1), ("image_side", 4)):
            if given.get(name) == "auto":
                given[name] = AUTO
            elif given.get(name, least) == AUTO:  # only the word means it: a number is a mistake
                raise InvalidArgument(name, "Recipe", f"be at least {least}, or auto", given[name])
        if isinstance(given.get("unknown"), list):
            given["unknown"] = tuple(given["unknown"])
        return cls(**with_floats(given, fields(cls)))


_NAMES = tuple(field.name for field in fields(Recipe) if field.name != "unknown")

_LATER: dict[str, Any] = {
    field.name: field.default
    for field in fields(Recipe)[[field.name for field in fields(Recipe)].index("shift_fraction") :]
}
"""Fields that recipes of the first experience did not have, with their defaults."""


def _mixes(value: float) -> bool:
    return value == 0 or 0.01 <= value <= 100


def _check(name: str, rule: str, value: Any, holds: Callable[[Any], bool]) -> None:
    if not holds(value):
        raise InvalidArgument(name, "Recipe", rule, value)
