"""`RecipeEffect`: what more images, more epochs and larger images do to the mean of a task, in logits.

Where the odds of an error fall as a power of what is given (images, images seen, pixels), the logit of the accuracy
rises by so much for each doubling. Such power laws were found by Hestness et al. (2017, arXiv 1712.00409) and Rosenfeld
et al. (2020, arXiv 1909.12673), with exponents near one half for image classification (Sharma & Kaplan 2020, arXiv
2004.10802, section 1): a third of a logit a doubling. The prior below shares that between the training images and how
often they are seen; datasets differ, hence an effect of each dataset's own, which also says how far a prediction may
be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.meta_features import centre_and_scale, meta_features
from presage.surrogate.data.task import Task

__all__ = ["RecipeEffect", "doublings", "usual_tasks"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR = (0.20, 0.25, 0.15)
"""Logits for each doubling of the passes over each image, of the training images, each passed over as often, and of the
image side, before any data speak. By passes and not by images seen: what longer training brings fades as the images
have been learned, and many images take longer to learn."""
DOUBT = (0.10, 0.10, 0.15)
"""Standard deviations of these."""
OWN = (0.12, 0.08, 0.12)
"""Standard deviations of what datasets differ by in them."""
LADDER = ("longer_gain", "images_gain", "larger_gain")
"""Meta-features that tell of each what a dataset differs by."""
TOLD = (0.8, 0.4, 0.4)
"""What a logit of them is worth in logits of a trained network, before any data speak."""
TOLD_DOUBT = (0.3, 0.3, 0.3)
"""Standard deviations of these."""
TOLD_OWN = (0.06, 0.06, 0.10)
"""`OWN` of a dataset with a ladder."""
LEAST_LADDERS = 5
"""Datasets with one from which on another's is compared with them."""
MOST_TOLD = 0.6
"""Logits a doubling by which a ladder may differ from the others'."""
MORE = (0.0, -0.15)
"""Logits that mirroring images, and each of the regularisers, adds, before any data speak: in short trainings the
latter cost, and digits must not be mirrored."""
MORE_DOUBT = (0.10, 0.10)
"""Standard deviations of these."""
MORE_OWN = (0.15, 0.10)
"""Standard deviations of what datasets differ by in them."""
OF_OWN = len(OWN) + len(MORE_OWN)
TASK = 0.15
"""Standard deviation, in logits, of what a task's mean differs by from all this."""
ASSUMED = 0.4
"""The same for each of epochs, images and side that a recipe does not tell and that was assumed: two doublings."""
ROW = 0.5
"""The same of a network's logit, in spreads of its task."""
FADES = 5.0
"""Doublings of the images seen, beyond the usual ones, after which 1/e of a gain per doubling is left. A belief: within
one training, gains fade within 2; between trainings of up to 2.3 doublings more, all that the first experience held,
they did not fade at all."""


def doublings(seen: float, usual: float) -> float:
    """How often `seen` images are twice the `usual` ones; above, each doubling counts less than the one before."""
    times = float(np.log2(seen / usual))
    return times if times <= 0 else FADES * -float(np.expm1(-times / FADES))


def usual_tasks(experience: Experience) -> Ints:
    """Positions of the tasks of the recipe that most datasets were trained by (of equal ones, that of most rows)."""
    size = np.bincount(experience.task_index, minlength=len(experience.tasks)).tolist()
    found: dict[str, tuple[int, int]] = {}
    for task, rows in zip(experience.tasks, size, strict=True):
        datasets, before = found.get(task.recipe, (0, 0))
        found[task.recipe] = datasets + 1, before + rows
    most = max(found, key=lambda recipe: found[recipe])
    return np.flatnonzero([task.recipe == most for task in experience.tasks])


@dataclass(eq=False)
class RecipeEffect:
    """Bayesian linear regression of a task's mean, less what the usual recipe's would be, on doublings.

    Effects are normal around `PRIOR` and `MORE`, and what the ladder adds to the first around `TOLD`; each dataset's
    own effects are normal around those.
    """

    def fit(self, experience: Experience) -> RecipeEffect:
        """Learns which recipe is usual; effects are the prior's."""
        usual = [experience.tasks[index] for index in usual_tasks(experience)]
        first = usual[0]
        self.side_, self.epochs_, self.recipe_ = first.image_side, first.epochs, (first.recipe,)  # a tuple is stored
        self.most_images_ = max(task.train_images for task in usual)
        self.least_seen_ = min(task.epoch_images or task.train_images for task in usual)
        self.effects_ = np.array([*PRIOR, *MORE, *TOLD])
        self.covariance_ = np.diag(np.square([*DOUBT, *MORE_DOUBT, *TOLD_DOUBT]))
        gains = meta_features(list({task.fingerprint: task for task in usual}.values()), LADDER)
        climbed = np.isfinite(gains).sum(axis=0) >= LEAST_LADDERS
        self.told_centre_ = np.where(climbed, centre_and_scale(gains)[0], np.nan)  # else nothing to compare
        return self

    def learn(self, tasks: Sequence[Task], shift: Floats, networks: Floats, spread: Floats) -> RecipeEffect:
        """Learns from d tasks of other recipes, each known in what is learned of.

        Args:
            tasks: the d tasks.
            shift: (d,) their means, less those of the usual recipe on their datasets, in logits.
            networks: (d,) networks that each was measured with.
            spread: (d,) their spreads, in logits.
        """
        parts = [self._explained(task) for task in tasks]
        prior = np.array([*PRIOR, *MORE, *TOLD])
        x = np.stack([part for part, _ in parts]) if parts else np.zeros((0, len(prior)))
        precision = np.diag(1.0 / np.square([*DOUBT, *MORE_DOUBT, *TOLD_DOUBT]))
        right = precision @ prior
        for dataset in dict.fromkeys(task.fingerprint for task in tasks):
            rows = np.array([task.fingerprint == dataset for task in tasks])
            noise = TASK**2 + np.square(ROW * spread[rows]) / networks[rows]
            given = x[rows, :OF_OWN]
            own = given @ np.diag(parts[int(np.flatnonzero(rows)[0])][1]) @ given.T
            weighed = np.linalg.solve(own + np.diag(noise), x[rows])
            precision = precision + weighed.T @ x[rows]
            right = right + weighed.T @ shift[rows]
        self.covariance_ = np.linalg.inv(precision)
        self.effects_ = self.covariance_ @ right
        return self

    def is_usual(self, task: Task) -> bool:
        """Whether the task's recipe is the usual one."""
        return task.recipe == self.recipe_[0] or not self._explained(task)[0].any()

    def usual(self, task: Task) -> Task:
        """The task as the usual recipe would have it."""
        images = min(task.available_images or task.train_images, self.most_images_)
        return replace(
            task,
            image_side=self.side_,
            epochs=self.epochs_,
            train_images=images,
            epoch_images=max(images, self.least_seen_),
            recipe=self.recipe_[0],
            mirrored=False,
            regularisers=0,
        )

    def columns(self, task: Task) -> Floats:
        """(3,) doublings of images seen, training images and side, against the usual recipe."""
        usual = self.usual(task)
        return np.array(
            [
                doublings(task.images_seen, usual.images_seen),
                np.log2(task.train_images / usual.train_images),
                np.log2(task.image_side / usual.image_side),
            ]
        )

    def predict(self, task: Task) -> tuple[float, float]:
        """What the task's recipe adds to its mean, in logits, and the standard error of that."""
        x, own = self._explained(task)
        variance = x @ self.covariance_ @ x + own @ np.square(x[:OF_OWN]) + TASK**2 * float(x.any())
        variance += len(task.assumed) * ASSUMED**2
        return float(x @ self.effects_), float(np.sqrt(variance))

    def difference(self, task: Task, changed: Task) -> tuple[float, float]:
        """What one recipe adds more than another on one dataset, in logits, and the standard error of its effects."""
        (before, own), (after, _) = self._explained(task), self._explained(changed)
        x = after - before
        variance = x @ self.covariance_ @ x + own @ np.square(x[:OF_OWN])
        return float(x @ self.effects_), float(np.sqrt(variance))

    def _explained(self, task: Task) -> tuple[Floats, Floats]:
        """What a task's shift is explained by, and the variances of its dataset's own effects.

        Returns:
            (8,): doublings of the passes over each image, of the images, and of their side; whether images are
            mirrored, and how many regularisers there are; the first three again, times how far the ladder lies off the
            others', 0 where it does not tell. (5,): of the first five, larger where the ladder does not tell.
        """
        usual = self.usual(task)
        passes, usually = (one.images_seen / one.train_images for one in (task, usual))
        columns = np.array([doublings(passes, usually), *self.columns(task)[1:]])
        apart = meta_features([task], LADDER)[0] - self.told_centre_
        told = np.isfinite(apart)
        apart = np.clip(np.where(told, apart, 0.0), -MOST_TOLD, MOST_TOLD)
        given = np.array([*columns, float(task.mirrored), float(task.regularisers)])
        own = np.array([*np.where(told, TOLD_OWN, OWN), *MORE_OWN])
        return np.concatenate([given, columns * apart]), np.square(own)
