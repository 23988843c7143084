"""`RecipeEffect`: what more images, more epochs and larger images do to the mean of a task, in logits.

Where the odds of an error fall as a power of what is given (images, images seen, pixels), the logit of the accuracy
rises by so much for each doubling. Such power laws were found by Hestness et al. (2017, arXiv 1712.00409) and Rosenfeld
et al. (2020, arXiv 1909.12673), with exponents near one half for image classification (Sharma & Kaplan 2020, arXiv
2004.10802, section 1): a third of a logit a doubling. The prior below shares that between what is learned (images seen,
in steps of the usual size) and the training images that it is learned from. How much a dataset gains by learning more,
its probe's ladder and the spread of its networks tell: where these differ much, they have much to learn, and lose much
by what makes learning harder. Datasets differ in the rest too, hence effects of each dataset's own, which trainings on
it tell, and which also say how far a prediction may be off.
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

PRIOR = (0.0, 0.10, 0.05, 0.15, 0.0, 0.0, 0.60, 0.30, 0.05, 0.20, 0.10, -0.25, -0.30, -0.04)
"""Logits, before any data speak, for each doubling of what is learned, where the probe gains nothing by it; of the
training images, which are learned from as long; more for one beyond the usual number; of the image side; for an octave
of side times a doubling of what is learned, larger images take longer, and times one of images beyond the usual; for
each logit that the probe gains a doubling of what it learns; and for each that it gains by images of twice the side,
times the octaves of side, and times a doubling of what is learned beyond the usual, for where details matter there is
more to learn. The others count times the task's spread by the usual recipe, for where networks differ much, they have
much to learn: for a doubling of what is learned; for one that is lacking; for each regulariser and for mirroring
images, which cost in short trainings; and for the square of the doublings that the step is off the usual one, either
way."""
DOUBT = (0.10, 0.08, 0.15, 0.10, 0.10, 0.10, 0.30, 0.30, 0.20, 0.20, 0.20, 0.20, 0.20, 0.10)
"""Standard deviations of these."""
OWN = (0.03, 0.06, 0.05, 0.20, 0.08, 0.05, 0.08, 0.10, 0.05, 0.05, 0.12, 0.12, 0.12, 0.03)
"""Standard deviations of what datasets differ by in them."""
NO_LADDER = 0.25
"""The same of the first where no ladder tells what the dataset's probe gains."""
GAINS = ("longer_gain", "larger_gain")
"""The meta-features that tell what the probe gains by each doubling of what it learns, and of the image side."""
USUAL_GAINS = (0.25, 0.45)
"""Logits that they are taken to be where no ladder was climbed."""
MOST_GAIN = 1.2
"""Logits that either is taken to be at most."""
LEAST_LADDERS = 5
"""Datasets with one from which on their median is what one without is taken to gain."""
TASK = 0.22
"""Standard deviation, in logits, of what a task's mean differs by from all this."""
ASSUMED = 0.4
"""The same for each of epochs, images and side that a recipe does not tell and that was assumed: two doublings."""
WIDENS = 0.5
"""What each logit that a recipe adds to a task's mean adds to its spread, as a share of it: what no network has learned
yet, the better ones learn first. A recipe that lowers the mean leaves the spread as it is: in few steps some networks
learn everything and others nothing."""
WIDEST = 2.0
"""Times the usual spread that it is taken to be at most."""
ROW = 0.45
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


@dataclass(frozen=True, eq=False)
class _Told:
    """The t tasks of one dataset: (t, q) what explains their shifts, (t,) these, (t,) variances of what nothing
    explains, (q,) variances of the dataset's own effects."""

    x: Floats
    shift: Floats
    noise: Floats
    varying: Floats

    @property
    def says(self) -> tuple[Floats, Floats]:
        """(q, q), (q,) what it adds to the precision of all datasets' effects, and to that times their mean."""
        weighed = np.linalg.solve((self.x * self.varying) @ self.x.T + np.diag(self.noise), self.x).T
        return weighed @ self.x, weighed @ self.shift

    def own(self, precision: Floats, right: Floats) -> Floats:
        """(1 + q, q) mean and covariance of the dataset's effects: what all others say of them, then what it says."""
        others = np.linalg.inv(precision)
        mean, before = others @ right, others + np.diag(self.varying)
        gain = np.linalg.solve(self.x @ before @ self.x.T + np.diag(self.noise), self.x @ before).T
        return np.vstack([mean + gain @ (self.shift - self.x @ mean), before - gain @ self.x @ before])


@dataclass(eq=False)
class RecipeEffect:
    """Bayesian linear regression of a task's mean, less what the usual recipe's would be, on doublings.

    Effects are normal around `PRIOR`; each dataset's own effects are normal around those, and known as far as trainings
    on it tell them (a hierarchical linear model, Lindley & Smith 1972). A doubling of what is learned is twice the
    images seen, or four times the learning rate, or a quarter of the batch.
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
        gains = meta_features(list({task.fingerprint: task for task in usual}.values()), GAINS).T
        climbed = zip((of[np.isfinite(of)] for of in gains), USUAL_GAINS, strict=True)
        self.usual_gains_ = np.array(
            [np.median(of) if len(of) >= LEAST_LADDERS else usually for of, usually in climbed]
        )
        self.datasets_: tuple[str, ...] = ()
        self.of_each_ = np.zeros((0, len(PRIOR) + 1, len(PRIOR)))
        self.longest_ = max([0.0, *(self._longer(task) for task in experience.tasks if not task.assumed)])
        return self

    def learn(self, tasks: Sequence[Task], shift: Floats, networks: Floats, spread: Floats) -> RecipeEffect:
        """Learns from t tasks of other recipes, each known in what is learned of.

        Args:
            tasks: the t tasks.
            shift: (t,) their means, less those of the usual recipe on their datasets, in logits.
            networks: (t,) networks that each was measured with.
            spread: (t,) spreads of their datasets by the usual recipe, in logits.
        """
        prior, firm = np.array(PRIOR), np.diag(1.0 / np.square(DOUBT))
        parts = [self._explained(task, of) for task, of in zip(tasks, spread.tolist(), strict=True)]
        told = []
        for dataset in dict.fromkeys(task.fingerprint for task in tasks):
            rows = np.flatnonzero([task.fingerprint == dataset for task in tasks])
            noise = TASK**2 + np.square(ROW * spread[rows]) / networks[rows]
            told.append(_Told(np.stack([parts[row][0] for row in rows]), shift[rows], noise, parts[rows[0]][1]))
        says = [one.says for one in told]
        precision = firm + sum((by for by, _ in says), np.zeros_like(firm))
        right = firm @ prior + sum((to for _, to in says), np.zeros_like(prior))
        self.covariance_ = np.linalg.inv(precision)
        self.effects_ = self.covariance_ @ right
        self.datasets_ = tuple(dict.fromkeys(task.fingerprint for task in tasks))
        own = [one.own(precision - by, right - to) for one, (by, to) in zip(told, says, strict=True)]
        self.of_each_ = np.reshape(own, (-1, len(prior) + 1, len(prior)))
        return self

    def is_usual(self, task: Task) -> bool:
        """Whether the task's recipe is the usual one."""
        return task.recipe == self.recipe_[0] or not self._explained(task, 1.0)[0].any()

    def usual(self, task: Task) -> Task:
        """The task as the usual recipe would have it."""
        images, epoch_images = self._usual_images(task)
        return replace(
            task,
            image_side=self.side_,
            epochs=self.epochs_,
            train_images=images,
            epoch_images=epoch_images,
            recipe=self.recipe_[0],
            mirrored=False,
            regularisers=0,
            step=self.step_,
        )

    def _usual_images(self, task: Task) -> tuple[int, int]:
        """Training images and images of an epoch by the usual recipe: of every task in every pass, hence no `Task`."""
        images = min(task.available_images or task.train_images, self.most_images_)
        return images, max(images, self.least_seen_)

    def columns(self, task: Task) -> Floats:
        """(3,) doublings of images seen, training images and side, against the usual recipe."""
        images, epoch_images = self._usual_images(task)
        return np.array(
            [
                doublings(task.images_seen, self.epochs_ * epoch_images),
                np.log2(task.train_images / images),
                np.log2(task.image_side / self.side_),
            ]
        )

    def doublings(self, task: Task) -> Floats:
        """(3,) doublings of training images, side and what is learned of each image, against the usual recipe."""
        return np.append(self.columns(task)[1:], self._longer(task))

    def predict(self, task: Task, spread: float) -> tuple[float, float]:
        """What the task's recipe adds to its mean, in logits, and the standard error of that.

        Args:
            task: the task.
            spread: of its dataset by the usual recipe, in logits.
        """
        x, own = self._explained(task, spread)
        value, variance = self._of(task.fingerprint, x, own)
        variance += TASK**2 * float(x.any()) + len(task.assumed) * ASSUMED**2
        return value, float(np.sqrt(variance))

    def difference(self, task: Task, changed: Task, spread: float) -> tuple[float, float]:
        """What one recipe adds more than another on one dataset, in logits, and the standard error of its effects."""
        (before, own), (after, _) = self._explained(task, spread), self._explained(changed, spread)
        value, variance = self._of(task.fingerprint, after - before, own)
        return value, float(np.sqrt(variance))

    def _of(self, dataset: str, x: Floats, own: Floats) -> tuple[float, float]:
        """What a dataset's effects make of (q,) `x`, and the variance of that."""
        if dataset in self.datasets_:
            effects, *covariance = self.of_each_[self.datasets_.index(dataset)]
            return float(x @ effects), float(max(x @ np.stack(covariance) @ x, 0.0))
        return float(x @ self.effects_), float(x @ self.covariance_ @ x + own @ np.square(x))

    def _longer(self, task: Task) -> float:
        """Doublings of what is learned of each image, against the usual recipe."""
        images, epoch_images = self._usual_images(task)
        times = float(np.log2(task.images_seen / task.train_images) - np.log2(self.epochs_ * epoch_images / images))
        return times + (0.5 * float(np.log2(task.step / self.step_)) if task.step > 0 < self.step_ else 0.0)

    def _explained(self, task: Task, spread: float) -> tuple[Floats, Floats]:
        """(q,) what a task's shift is explained by, in the order of `PRIOR`; (q,) variances of its dataset's own."""
        _, images, side = self.columns(task)
        learned = fading(self._longer(task) + images)
        gains = meta_features([task], GAINS)[0]
        told = np.isfinite(gains)
        gain, larger = np.where(told, np.minimum(gains, MOST_GAIN), self.usual_gains_)
        longer = min(max(learned, 0.0), self.longest_)  # what two things do together goes on no farther than is known
        off = float(np.log2(task.step / self.step_)) if task.step > 0 < self.step_ else 0.0
        by_spread = np.array([learned, min(learned, 0.0), task.regularisers, task.mirrored, off**2]) * spread
        further = fading(max(images, 0.0))
        by_gain = [learned * gain, side * larger, max(learned, 0.0) * larger]
        x = np.concatenate([[learned, images, further, side, side * longer, side * further], by_gain, by_spread])
        return x, np.square([OWN[0] if told[0] else NO_LADDER, *OWN[1:]])
