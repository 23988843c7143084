"""`Task`: all that a predictor may know of a dataset before anything but its probe has been trained on it."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from presage.errors import InvalidArgument

__all__ = ["ASSUMABLE", "REGULARISERS", "Task"]

ASSUMABLE = ("epochs", "image_side", "train_images")
"""What decides how far trainings get, and need not be known of those done elsewhere."""

REGULARISERS = ("erasing", "mixup", "cutmix", "policy")
"""Fields of a recipe that make each image harder to learn: worth it in long trainings, and costly in short ones."""


@dataclass(frozen=True)
class Task:
    """A dataset and the recipe that networks are trained with on it.

    Attributes:
        fingerprint: SHA-256 of the dataset's content; rows of one fingerprint are always left out together.
        name: for people; never a feature.
        channels: 1 for grey, 3 for colour.
        classes: number of classes.
        image_side: height and width, in pixels, that the recipe trains at.
        train_images: training images that the recipe uses.
        epochs: epochs of the recipe.
        dcn: Dataset Characterization Number, in [0, 1]: the mean over the seeds of its probe; higher = easier.
        description: what the probe's cheap look at the images measured, and how fast the probe learned
            (`presage.surrogate.data.meta_features.PROBE_CURVE`), as (name, value), sorted by name.
        recipe: hash of the recipe, "" where unknown.
        epoch_images: images that an epoch passes over, where small training sets are passed over several times; 0 where
            they are the training images.
        assumed: which of `ASSUMABLE` the recipe does not tell, of a training that was done elsewhere.
        available_images: training images that the dataset has, of which a recipe may take fewer; 0 where unknown.
        mirrored: whether the recipe mirrors images at random.
        regularisers: how many of `REGULARISERS` the recipe uses.
        step: learning rate for each image of a batch, as AdamW counts it; 0 where unknown.
    """

    fingerprint: str
    name: str
    channels: int
    classes: int
    image_side: int
    train_images: int
    epochs: int
    dcn: float
    description: tuple[tuple[str, float], ...] = ()
    recipe: str = ""
    epoch_images: int = 0
    assumed: tuple[str, ...] = ()
    available_images: int = 0
    mirrored: bool = False
    regularisers: int = 0
    step: float = 0.0

    def __post_init__(self) -> None:
        for field, least in (("channels", 1), ("classes", 2), ("image_side", 1), ("train_images", 1), ("epochs", 1)):
            if getattr(self, field) < least:
                raise InvalidArgument(field, "Task", f"be at least {least}", getattr(self, field))
        if not 0.0 <= self.dcn <= 1.0:  # also refuses NaN
            raise InvalidArgument("dcn", "Task", "be an accuracy in [0, 1]", self.dcn)
        for name, value in self.description:
            if not isfinite(value):
                raise InvalidArgument("description", "Task", f"hold finite numbers (`{name}` does not)", value)

    @property
    def key(self) -> str:
        """What tells one task from another: its dataset and its recipe."""
        return f"{self.fingerprint}/{self.recipe}"

    @property
    def images_seen(self) -> int:
        """Images that a network has seen when its training ends, each as often as it was."""
        return self.epochs * (self.epoch_images or self.train_images)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """(c, h, w) of one image as the networks see it."""
        return (self.channels, self.image_side, self.image_side)
