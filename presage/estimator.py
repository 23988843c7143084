"""`ImageClassifier`: a search and its best network as one scikit-learn estimator."""

from __future__ import annotations

import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, check_non_negative, validate_data

from presage.errors import DatasetWarning, InvalidArgument, InvalidDataset, TrainingFailure
from presage.folders import check_folder
from presage.places import user_path
from presage.progress import OnStage, Progress, shown_progress
from presage.recipes import AUTO, final_recipe
from presage.session import Session
from presage.steps.budgeting import TimeWish, seconds_of
from presage.steps.plain_limits import PLAIN, limits_of
from presage.training.datasets.arrays import dataset_of_arrays
from presage.training.datasets.image_dataset import FEWEST_CLASSES, MOST_CLASSES, ImageDataset, refusal
from presage.training.datasets.pixels import as_uint8, depth_of, squares, with_channels
from presage.training.datasets.value_range import Depth, ValueRange

if TYPE_CHECKING:
    from presage.architecture.spaces import Space
    from presage.search import FinalSettings, SearchResult, SearchSettings
    from presage.training.model.trained import TrainedModel
    from presage.training.recipe import Recipe

__all__ = ["ImageClassifier"]

_FIT, _ASKED = "ImageClassifier.fit", "ImageClassifier"


class ImageClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """Searches for a network that does well on images, trains it, and classifies with it.

    `fit` is `presage.search`: it probes the images, searches a space on predicted accuracy, trains the short-list, and
    the best of it once more by the final recipe; that network, or the mean of several, is the classifier. It sets aside
    a fifth of the images as test set, unless they come with one, and a part of the rest to validate on.

    It learns from the experiment database and adds nothing to it, nor does it look at what was trained on these very
    images before: an equal fit finds the same network, and a fold of a cross-validation knows nothing of another.

    Images are a dataset as all of presage takes it (`digits`, a ``.npz``, a folder of class folders,
    ``torchvision:NAME``), or arrays: (n, h, w) or (n, h, w, c) with c = 1 or 3, of uint8, whole numbers in 0 … 255,
    booleans, or floats from 0 (in [0, 1] or [0, 255], or, all under 64, to the greatest); or (n, features), where each
    row is a square image, grey (s·s features) or in colour (3·s·s).

    Args:
        budget: seconds, or a time as in ``"10m"``, that everything is made to fit but what is given here; how much fits
            depends on the machine.
        space: name of a search space, or one of your own; ``"auto"``: `stages` with a budget, `chain` without.
        strategy: name of a search strategy.
        recipe: how the short-list is trained, or its name; None for the shipped experience's, `quick`.
        final: how many of the short-list are trained by the final recipe; 0 for none.
        final_recipe: by name, on all images; or a recipe as it stands. ``"auto"``: the budget chooses, or `standard`.
        tune: whether learning rate and weight decay are tuned before a final training.
        average: whether the mean of several final trainings, as one network, may be the classifier.
        candidates: networks scored; None is what `presage.search` scores.
        shortlist: networks trained; None is 5.
        predictor: name of the accuracy predictor.
        max_params, max_macs, max_memory: hard limits on the parameters of a network, on its multiply-adds and on its
            bytes of activations for one image.
        max_latency: hard limit on milliseconds of a forward pass of one image here: estimated for all candidates, by
            networks that each fit times first, and measured for the short-list.
        run_folder: everything the search keeps, with a report; None is a temporary folder, which goes when the
            estimator does. A fit that was stopped goes on in the same folder; no other can use it.
        database: the experiment database to learn from; None for the user's own.
        device: `auto`, `cpu` or `cuda`; of the search. Images are classified on the CPU.
        random_state: of everything random. With None, no fit is like another.
        progress: whether bars show how far a fit is; or a function, called as ``progress(stage, done, total)``.

    Attributes:
        classes_: (k,) the labels, sorted as `numpy.unique` does; or the names of a dataset's classes, in its order.
        search_result_: the `presage.search.SearchResult`.
        model_: the `TrainedModel`.
        balanced_accuracy_: of the model on validation images, the mean over the classes; None where classes are about
            equally frequent. As a score: ``scoring="balanced_accuracy"`` of scikit-learn.
        recipe_: the recipe that the model was trained by, with what was tuned.
        n_features_in_: number of features, where the images were (n, features).
        feature_names_in_: (n_features_in_,) their names, where they had some.
    """

    def __init__(
        self,
        budget: float | str | None = None,
        space: str | Space = "auto",
        strategy: str = "evolution",
        recipe: Recipe | str | None = None,
        final: int = 1,
        final_recipe: Recipe | str = "auto",
        tune: bool = True,
        average: bool = True,
        candidates: int | None = None,
        shortlist: int | None = None,
        predictor: str = "ensemble",
        max_params: int | None = None,
        max_macs: int | None = None,
        max_memory: int | None = None,
        max_latency: float | None = None,
        run_folder: str | Path | None = None,
        database: str | Path | None = None,
        device: str = "auto",
        random_state: int | np.random.RandomState | None = 0,
        progress: Progress = True,
    ) -> None:
        self.budget = budget
        self.space = space
        self.strategy = strategy
        self.recipe = recipe
        self.final = final
        self.final_recipe = final_recipe
        self.tune = tune
        self.average = average
        self.candidates = candidates
        self.shortlist = shortlist
        self.predictor = predictor
        self.max_params = max_params
        self.max_macs = max_macs
        self.max_memory = max_memory
        self.max_latency = max_latency
        self.run_folder = run_folder
        self.database = database
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: ArrayLike | ImageDataset | Path, y: ArrayLike | None = None) -> Self:
        """Search, and train the network.

        Args:
            X: images, or the dataset.
            y: (n,) their labels, of any kind; None for a dataset, which has its own.

        Raises:
            InvalidDataset: images or labels that no network can learn from.
            NothingFeasible: no network of the space is within the limits.
            TrainingFailure: every training of the short-list ended early.
        """
        with shown_progress(self.progress) as told:
            return self._fitted(X, y, told)

    def _fitted(self, X: ArrayLike | ImageDataset | Path, y: ArrayLike | None, progress: OnStage) -> Self:
        from presage.steps.spaces import space_of
        from presage.training.model.folder import load_model

        settings, wish = self._settings(), self._wish()
        asked_folder = None if self.run_folder is None else user_path(self.run_folder)
        space = space_of(self.space, self.budget, asked_folder)
        session = Session(self.database, self.device, settings.seed, progress, self.predictor)
        if _is_dataset(X):
            if y is not None:
                raise InvalidArgument("y", _FIT, "be None beside a dataset, which has labels of its own", y)
            dataset = session.dataset(X if isinstance(X, ImageDataset) else str(X))
            classes, depth = np.array(dataset.classes), None
        else:
            dataset, classes, depth = self._arrays(X, y)
        for line in dataset.warnings:
            warnings.warn(line, DatasetWarning, stacklevel=3)
        recipe = self._recipe(dataset)
        final = self._final(dataset)
        if self.run_folder is None:
            self._temporary: _TemporaryFolder | None = _TemporaryFolder()
            folder = self._temporary.path
        else:
            self._temporary, folder = None, user_path(self.run_folder)
            check_folder(folder, "run_folder", _ASKED)
        apart = _apart(session, folder, dataset)
        result = apart.search(
            dataset, space=space, recipe=recipe, settings=settings, run_folder=folder, final=final, wish=wish
        )
        if result.best is None:
            reasons = sorted({one.failure or one.status for one in result.verified})
            raise TrainingFailure(f"No network of the short-list was trained to its end: {'; '.join(reasons)}.")
        if _is_dataset(X) or not _are_rows(X):
            for name in ("n_features_in_", "feature_names_in_"):
                self.__dict__.pop(name, None)
        self.classes_, self._depth = classes, depth
        self.search_result_: SearchResult = result
        self.model_: TrainedModel = load_model(folder / "best")
        self.balanced_accuracy_: float | None = self.model_.balanced_accuracy
        self.recipe_: Recipe = self.model_.recipe or recipe
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """(n,) the likeliest label of each image. Images as `predict_proba` takes them."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        found: NDArray[Any] = self.classes_[likeliest]
        return found

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """(n, k) probabilities of the labels, in the order of `classes_`.

        Args:
            X: arrays as for `fit`, though images may be of another size; or image files, a folder of some, or Pillow
                images, as `TrainedModel.predict_proba` takes them.

        Raises:
            InvalidArgument: an image that cannot be read; names it.
            InvalidDataset: arrays that are no images, or not of the kind that was learned from.
        """
        check_is_fitted(self, "model_")
        if _are_pictures(X):
            return self.model_.predict_proba(X)
        return self.model_.predict_proba(self._pixels(X))

    def score(self, X: Any, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy.

        Args:
            X: images as `predict` takes them; or a dataset, of which its test images count, or all images where it is
                another than was fitted and brings no test set.
            y: (n,) their labels; None for a dataset.
            sample_weight: (n,) how much each image counts; not for a dataset.
        """
        check_is_fitted(self, "model_")
        if y is not None or not _is_dataset(X):
            return float(super().score(X, y, sample_weight))
        with shown_progress(self.progress) as told:
            dataset = Session(progress=told).dataset(X if isinstance(X, ImageDataset) else str(X))
        images, labels = dataset.x_test, dataset.y_test
        if not dataset.test_given and dataset.fingerprint != self.search_result_.fingerprint:
            images, labels = np.concatenate([images, dataset.x_train]), np.concatenate([labels, dataset.y_train])
        return float(np.mean(np.array(self.model_.predict(images)) == np.array(dataset.classes)[labels]))

    def _settings(self) -> SearchSettings:
        from presage.search import SearchSettings
        from presage.search.strategies import default_candidates

        shortlist = SearchSettings.shortlist if self.shortlist is None else self.shortlist
        usual = default_candidates(self.strategy, "", shortlist)
        most = {name: getattr(self, name) for name in PLAIN}
        seed = self.random_state
        return SearchSettings(
            strategy=self.strategy,
            candidates=usual if self.candidates is None else self.candidates,
            shortlist=shortlist,
            limits=limits_of(_ASKED, **most),
            seed=int(seed) if isinstance(seed, int | np.integer) else int(check_random_state(seed).randint(2**31 - 1)),
        )

    def _wish(self) -> TimeWish | None:
        given: dict[str, object] = {"candidates": self.candidates, "shortlist": self.shortlist, "recipe": self.recipe}
        given["trials"] = None if self.tune else 0
        given["final_recipe"] = None if self.final_recipe == AUTO else self.final_recipe
        fixed = frozenset(name for name, value in given.items() if value is not None)
        return None if self.budget is None else TimeWish(seconds_of(self.budget, _ASKED), fixed)

    def _recipe(self, dataset: ImageDataset) -> Recipe:
        from presage.training.recipes import named_recipe
        from presage.training.resolving import resolved

        recipe = "quick" if self.recipe is None else _checked_recipe("recipe", self.recipe)
        return resolved(named_recipe(recipe) if isinstance(recipe, str) else recipe, dataset)

    def _final(self, dataset: ImageDataset) -> FinalSettings | None:
        from presage.search import FinalSettings
        from presage.search.final.settings import TRIALS

        recipe = final_recipe(_checked_recipe("final_recipe", self.final_recipe), dataset)
        mirror, trials = isinstance(self.final_recipe, str), TRIALS if self.tune else 0
        return FinalSettings(recipe, self.final, trials, mirror=mirror, average=self.average) if self.final else None

    def _arrays(self, X: Any, y: Any) -> tuple[ImageDataset, NDArray[Any], Depth | None]:
        """The dataset of arrays, its classes, and how values of more than 8 bits, or floats, became pixels."""
        if _are_pictures(X):
            hint = "Put the image files of each class into a folder of its name, all in one folder, and give that."
            raise InvalidArgument("X", _FIT, "be a dataset, or arrays of images", X, hint)
        with _in_one_line():
            X, labels = validate_data(self, X, y, **_kinds(X))
            check_non_negative(X, _FIT)
            check_classification_targets(labels)
        classes, places = np.unique(labels, return_inverse=True)
        if not FEWEST_CLASSES <= len(classes) <= MOST_CLASSES:
            got = "1 class" if len(classes) == 1 else f"{len(classes)} classes"
            raise refusal("y", _FIT, f"hold {FEWEST_CLASSES} to {MOST_CLASSES:,} classes", got)
        images = self._images(X, _FIT)
        depth = _depth(images)
        pixels = as_uint8({"X": images}, _FIT, depth)["X"]
        names = [str(label) for label in classes]
        return dataset_of_arrays("arrays", pixels, places.astype(np.int64), names), classes, depth

    def _pixels(self, X: Any) -> NDArray[np.uint8]:
        """Arrays to be classified, as (n, h, w, c)."""
        with _in_one_line():
            kinds = _kinds(X)
            if kinds["ensure_2d"] and not hasattr(self, "n_features_in_"):
                rule = "have shape (n, h, w) or (n, h, w, c), as images were learned from"
                raise InvalidArgument("X", _ASKED, rule, np.shape(X))
            X = validate_data(self, X, reset=False, **kinds)
        return as_uint8({"X": self._images(X, _ASKED)}, _ASKED, self._depth)["X"]

    def _images(self, X: NDArray[Any], owner: str) -> NDArray[Any]:
        """Checked arrays as (n, h, w, c)."""
        return squares(X, "X", owner) if X.ndim == 2 else with_channels(X, "X", owner)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = True
        tags.classifier_tags.poor_score = True  # on points that are no images
        return tags

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_temporary": None}  # a copy keeps no folder: it goes with the original


@dataclass
class _SessionApart(Session):
    """A session with a database of its own, and the caches of another."""

    caches: Path = Path()

    def cache(self, name: str) -> Path:
        return self.caches / name


def _apart(session: Session, folder: Path, dataset: ImageDataset) -> Session:
    """A session that keeps what it learns to itself, in a database of its own in `folder`.

    That database is a copy of the session's without what was trained on `dataset` before; where the folder holds one
    already, the work goes on with it. So equal searches apart find the same, however often they are repeated.
    """
    file = folder / "experience.duckdb"
    if not file.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with session.open() as database:
            database.copy(file, without=dataset.fingerprint)
    return _SessionApart(
        file, session.device, session.seed, session.progress, session.predictor, caches=session.cache("")
    )


class _TemporaryFolder:
    """A folder that is removed when this object goes."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="presage-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _checked_recipe(name: str, recipe: Recipe | str) -> Recipe | str:
    from presage.training.recipe import Recipe

    if not isinstance(recipe, str | Recipe):
        raise InvalidArgument(name, _ASKED, "be a `Recipe`, or the name of one", recipe)
    return recipe


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Turns what scikit-learn refuses into `InvalidDataset`; objects and sparse matrices remain its `TypeError`."""
    try:
        yield
    except InvalidArgument:
        raise
    except ValueError as error:
        raise InvalidDataset(" ".join(str(error).split())) from None


def _kinds(X: Any) -> dict[str, Any]:
    """What scikit-learn is to check of arrays: rows of features, or images."""
    return {"dtype": "numeric", "ensure_2d": _are_rows(X), "allow_nd": True}


def _are_rows(X: Any) -> bool:
    """Whether arrays are rows of features, and not images."""
    return (X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim) < 3


def _is_dataset(X: Any) -> bool:
    return isinstance(X, str | Path | ImageDataset)


def _depth(images: NDArray[Any]) -> Depth | None:
    """How values become pixels; floats of no known range, of which none is negative here, go from 0 to the greatest."""
    try:
        return depth_of({"X": images}, _FIT)
    except InvalidDataset:
        if images.dtype.kind != "f" or not 0 < images.max() <= 255:
            raise
        return Depth(floats=ValueRange(0.0, float(images.max())))


def _are_pictures(X: Any) -> bool:
    """Whether these are files, folders or Pillow images, and not arrays."""
    first = X[0] if isinstance(X, list | tuple) and X else X
    return isinstance(first, str | Path) or hasattr(first, "getbands")
