"""`RecipeEffect`: what more images, more epochs and larger images do to the mean of a task, in logits.

Where the odds of an error fall as a power of what is given (images, images seen, pixels), the logit of the accuracy
rises by so much for each doubling. Such power laws were found by Hestness et al. (2017, arXiv 1712.00409) and Rosenfeld
et al. (2020, arXiv 1909.12673), with exponents near one half for image classification (Sharma & Kaplan 2020, arXiv
2004.10802, section 1): a third of a logit a doubling. The prior below shares that between what is learned (images seen,
in steps of the usual size) and the training images that it is learned from. How much a dataset gains by learning more,
its probe's ladder tells, nearly one to one; datasets differ in the rest too, hence an effect of each dataset's own,
which also says how far a prediction may be off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from presage.surrogate.data.experience import Experience
from presage.surrogate.data.meta_features import meta_features
from presage.surrogate.data.task import Task

__all__ = ["RecipeEffect", "doublings", "usual_tasks", "widened"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PRIOR = (0.0, 0.10, 0.10, 0.0, -0.10, -0.15, 0.0, 0.90)
"""Logits, before any data speak, for each doubling of what is learned, where the probe gains nothing by it; of the
training images, which are learned from as long; of the image side; for mirroring images, and what that costs more where
they are grey: digits must not be mirrored; for each regulariser: in short trainings they cost; for an octave of side
times a doubling of what is learned: larger images take longer; and for each logit that the probe gains a doubling."""
DOUBT = (0.10, 0.08, 0.08, 0.10, 0.15, 0.10, 0.10, 0.20)
"""Standard deviations of these."""
OWN = (0.06, 0.06, 0.12, 0.10, 0.10, 0.10, 0.0, 0.0)
"""Standard deviations of what datasets differ by in them."""
NO_LADDER = 0.30
"""The same of the first where no ladder tells what the dataset's probe gains."""
LONGER = "longer_gain"
"""The meta-feature that tells what the probe gains by each doubling of what it learns."""
USUAL_GAIN = 0.25
"""Logits that it is taken to be where no ladder was climbed."""
MOST_GAIN = 1.2
"""Logits that it is taken to be at most."""
LEAST_LADDERS = 5
"""Datasets with one from which on their median is what one without is taken to gain."""
TASK = 0.15
"""Standard deviation, in logits, of what a task's mean differs by from all this."""
ASSUMED = 0.4
"""The same for each of epochs, images and side that a recipe does not tell and that was assumed: two doublings."""
WIDENS = 0.5
"""What each logit that a recipe adds to a task's mean adds to its spread, as a share of it: what no network has learned
yet, the better ones learn first. A recipe that lowers the mean leaves the spread as it is: in few steps some networks
learn everything and others nothing."""
WIDEST = 2.0
"""Times the usual spread that it is taken to be at most."""
ROW = 0.5
"""The same of a network's logit, in spreads of its task."""
FADES = 5.0
"""Doublings beyond the usual, after which 1/e of a gain per doubling is left. On 14 tasks of long trainings (some 4,000
steps), datasets left out, accuracies are off by .066 with 4 and .067 with 6, by .076 where nothing fades
(docs/tried.md)."""


def doublings(seen: float, usual: float) -> float:
    """How often `seen` images are twice the `usual` ones; above, each doubling counts less than the one before."""
    return fading(float(np.log2(seen / usual)))


def fading(times: float) -> float:
    """Doublings, of which those beyond the usual count less and less."""
    return times if times <= 0.0 else -FADES * float(np.expm1(-times / FADES))


def widened(shift: float) -> float:
    """Times the usual spread that a task has whose mean a recipe raises by so many logits."""
    return min(1.0 + WIDENS * max(shift, 0.0), WIDEST)


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

    Effects are normal around `PRIOR`; each dataset's own effects are normal around those. A doubling of what is learned
    is twice the images seen, or four times the learning rate, or a quarter of the batch.
    """

    def fit(self, experience: Experience) -> RecipeEffect:
        """Learns which recipe is usual; effects are the prior's."""
        usual = [experience.tasks[index] for index in usual_tasks(experience)]
        first = usual[0]
        self.side_, self.epochs_, self.recipe_ = first.image_side, first.epochs, (first.recipe,)  # a tuple is stored
        self.most_images_ = max(task.train_images for task in usual)
        self.least_seen_ = min(task.epoch_images or task.train_images for task in usual)
        self.step_ = first.step
        self.effects_, self.covariance_ = np.array(PRIOR), np.diag(np.square(DOUBT))
        gains = meta_features(list({task.fingerprint: task for task in usual}.values()), (LONGER,))
        climbed = gains[np.isfinite(gains)]
        self.usual_gain_ = float(np.median(climbed)) if len(climbed) >= LEAST_LADDERS else USUAL_GAIN
        self.longest_ = max([0.0, *(self._longer(task) for task in experience.tasks if not task.assumed)])
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
        prior = np.array(PRIOR)
        x = np.stack([part for part, _ in parts]) if parts else np.zeros((0, len(prior)))
        precision = np.diag(1.0 / np.square(DOUBT))
        right = precision @ prior
        for dataset in dict.fromkeys(task.fingerprint for task in tasks):
            rows = np.array([task.fingerprint == dataset for task in tasks])
            noise = TASK**2 + np.square(ROW * spread[rows]) / networks[rows]
            given = x[rows]
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
            step=self.step_,
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

    def doublings(self, task: Task) -> Floats:
        """(3,) doublings of training images, side and what is learned of each image, against the usual recipe."""
        return np.append(self.columns(task)[1:], self._longer(task))

    def predict(self, task: Task) -> tuple[float, float]:
        """What the task's recipe adds to its mean, in logits, and the standard error of that."""
        x, own = self._explained(task)
        variance = x @ self.covariance_ @ x + own @ np.square(x) + TASK**2 * float(x.any())
        variance += len(task.assumed) * ASSUMED**2
        return float(x @ self.effects_), float(np.sqrt(variance))

    def difference(self, task: Task, changed: Task) -> tuple[float, float]:
        """What one recipe adds more than another on one dataset, in logits, and the standard error of its effects."""
        (before, own), (after, _) = self._explained(task), self._explained(changed)
        x = after - before
        variance = x @ self.covariance_ @ x + own @ np.square(x)
        return float(x @ self.effects_), float(np.sqrt(variance))

    def _longer(self, task: Task) -> float:
        """Doublings of what is learned of each image, against the usual recipe."""
        usual = self.usual(task)
        times = float(np.log2(task.images_seen / task.train_images) - np.log2(usual.images_seen / usual.train_images))
        return times + (0.5 * float(np.log2(task.step / self.step_)) if task.step > 0 < self.step_ else 0.0)

    def _explained(self, task: Task) -> tuple[Floats, Floats]:
        """(8,) what a task's shift is explained by, in the order of `PRIOR`; (8,) variances of its dataset's own."""
        _, images, side = self.columns(task)
        learned = fading(self._longer(task) + images)
        gain = float(meta_features([task], (LONGER,))[0, 0])
        told = np.isfinite(gain)
        gain = min(gain, MOST_GAIN) if told else self.usual_gain_
        mirrored, grey = float(task.mirrored), float(task.channels == 1)
        longer = min(max(learned, 0.0), self.longest_)  # what two things do together goes on no farther than is known
        x = [learned, images, side, mirrored, mirrored * grey, task.regularisers, side * longer, learned * gain]
        return np.array(x, np.float64), np.square([OWN[0] if told else NO_LADDER, *OWN[1:]])
