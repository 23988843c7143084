"""`ImageClassifier` keeps scikit-learn's contract; here one small network is trained at once in place of a search."""

from __future__ import annotations

import gc
import io
import math
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Activation, Classifier, Convolution, Flatten, Input
from presage.errors import InvalidArgument, InvalidDataset, TrainingFailure, UnknownName, WrongInput
from presage.estimator import ImageClassifier
from presage.search.final.settings import FinalSettings
from presage.search.limits import Limits
from presage.search.result import Chosen, RoundResult, SearchResult, Verified
from presage.search.settings import SearchSettings
from presage.session import Session
from presage.training import ImageDataset, Recipe, fit, load_dataset, prepare
from presage.training.model.folder import save_model
from presage.training.model.trained import trained_model
from presage.training.recipe import AUTO
from presage.training.recipes import RECIPES, on_all_images

SMALL = Recipe(epochs=4, image_side=8, shift=0, least_epoch_images=1, batch=16, precision="float32")

asked: list[dict[str, Any]] = []


def train_one_network(
    self: Session, dataset: ImageDataset, *, settings: SearchSettings, run_folder: Path, **others: Any
) -> SearchResult:
    """What a search leaves, at once: one network of one convolution, trained."""
    asked.append({"session": self, "dataset": dataset, "settings": settings, "run_folder": run_folder, **others})
    layers = [Input(), Convolution(4, (3, 3), padding=(1, 1)), Activation("relu"), Flatten(), Classifier()]
    nodes = [Node(layer, (number - 1,) if number else ()) for number, layer in enumerate(layers)]
    architecture = Architecture(tuple(nodes))
    data = prepare(dataset, SMALL, "cpu")
    done = fit(architecture, data, SMALL, seed=settings.seed)
    save_model(trained_model(architecture, dataset, data, SMALL, done), run_folder / "best", program=False)
    chosen = Chosen(architecture.hash, {}, "short-list", 1, 1, 1, 1, "now")
    best = Verified(chosen, "finished", done.accuracy, done.test_accuracy, (), 0.0, None)
    return SearchResult(run_folder, dataset.name, dataset.fingerprint, "chain", "evolution", {}, (), best=best)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked.clear()
    monkeypatch.setattr(Session, "search", train_one_network)
    monkeypatch.setattr("presage.estimator._apart", lambda session, folder, dataset: session)


# scikit-learn's checks ----------------------------------------------------------------------------------------------


class AnyNumberOfFeatures(ImageClassifier):
    """Takes rows of any number of features, for checks whose data are no images: the missing pixels are black."""

    def _images(self, X: Any, owner: str) -> Any:
        n, features = X.shape
        side = math.isqrt(features - 1) + 1
        padded = np.zeros((n, side * side), X.dtype)
        padded[:, :features] = X
        return padded.reshape(n, side, side, 1)


NO_SQUARE = {
    features: f"fits on {features} features, which are the pixels of no square image" for features in (2, 5, 10)
}
NO_IMAGES = {
    "check_classifiers_classes": NO_SQUARE[2],
    "check_classifiers_train": NO_SQUARE[2],
    "check_classifier_data_not_an_array": NO_SQUARE[2],
    "check_dtype_object": NO_SQUARE[10],
    "check_estimators_dtypes": NO_SQUARE[5],
    "check_estimators_fit_returns_self": NO_SQUARE[2],
    "check_estimators_overwrite_params": NO_SQUARE[2],
    "check_fit_check_is_fitted": NO_SQUARE[2],
    "check_fit_idempotent": NO_SQUARE[2],
    "check_n_features_in": NO_SQUARE[2],
    "check_readonly_memmap_input": NO_SQUARE[2],
}
"""What `AnyNumberOfFeatures` passes."""


@parametrize_with_checks(
    [ImageClassifier(), AnyNumberOfFeatures()],
    expected_failed_checks=lambda estimator: {} if isinstance(estimator, AnyNumberOfFeatures) else NO_IMAGES,
    xfail_strict=True,
)
def test_it_passes_scikit_learns_checks(estimator: ImageClassifier, check: Callable[..., None], at_once: None) -> None:
    check(estimator)


# Images, labels, answers --------------------------------------------------------------------------------------------


def test_labels_of_any_kind_come_back(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    x, names = shapes
    for y in (names, names.tolist(), names.astype(object), np.where(names == "left", -7, 40), names == "left"):
        found = ImageClassifier().fit(x, y)
        np.testing.assert_array_equal(found.classes_, np.unique(y))
        answer, shares = found.predict(x), found.predict_proba(x)
        assert answer.dtype.kind == np.asarray(y).dtype.kind
        np.testing.assert_array_equal(found.classes_[shares.argmax(axis=1)], answer)
        np.testing.assert_allclose(shares.sum(axis=1), 1)
        assert found.score(x, y) == np.mean(answer == np.asarray(y)) > 0.9
        np.testing.assert_array_equal(found.model_.classes, [str(label) for label in found.classes_])


def test_equal_pixels_make_equal_classifiers_however_they_are_written(
    shapes: tuple[np.ndarray, np.ndarray], at_once: None
) -> None:
    x, y = shapes
    expected = ImageClassifier().fit(x, y).predict_proba(x)
    ways: list[Callable[[np.ndarray], Any]] = [
        lambda x: x.astype(np.int64),
        lambda x: x.astype(np.float32),
        lambda x: x / 255,
        lambda x: x[..., None],
        lambda x: x.tolist(),
        lambda x: x.reshape(len(x), -1),
        lambda x: (x / 255).reshape(len(x), -1),
    ]
    for way in ways:
        found = ImageClassifier().fit(way(x), y)
        np.testing.assert_array_equal(found.predict_proba(way(x)), expected)
        np.testing.assert_array_equal(found.predict_proba(x), expected)  # images, too, where rows were learned from
        assert found.search_result_.fingerprint == asked[0]["dataset"].fingerprint


def test_rows_of_features_are_grey_or_colour_squares(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    x, y = shapes
    colour = np.stack([x, 255 - x, x // 2], axis=-1)
    found = ImageClassifier().fit(colour.reshape(len(x), -1), y)
    assert (found.n_features_in_, found.model_.input_shape) == (192, (3, 8, 8))
    np.testing.assert_array_equal(
        asked[0]["dataset"].x_test[0], colour[(colour == asked[0]["dataset"].x_test[0]).all((1, 2, 3))][0]
    )
    np.testing.assert_array_equal(found.predict(colour.reshape(len(x), -1)), found.predict(colour))
    found.fit(colour, y)
    assert not hasattr(found, "n_features_in_")
    with pytest.raises(InvalidArgument, match=r"must have shape \(n, h, w\) or \(n, h, w, c\)"):
        found.predict(colour.reshape(len(x), -1))


def test_what_floats_mean_is_decided_when_it_is_fitted(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    x, y = shapes
    of_shares, of_levels = ImageClassifier().fit(x / 255, y), ImageClassifier().fit(x / 1.0, y)
    with pytest.raises(InvalidDataset, match=r"must have the range of the images that were learned from, \[0, 1\]"):
        of_shares.predict(x / 1.0)
    dark = np.ones((1, 8, 8))  # white, or nearly black
    np.testing.assert_array_equal(of_shares.predict_proba(dark), of_shares.predict_proba(dark.astype(np.uint8) * 255))
    np.testing.assert_array_equal(of_levels.predict_proba(dark), of_levels.predict_proba(dark.astype(np.uint8)))


def test_files_folders_and_pictures_are_classified(
    shapes: tuple[np.ndarray, np.ndarray], at_once: None, tmp_path: Path
) -> None:
    x, y = shapes
    found = ImageClassifier().fit(x, y)
    pictures = [Image.fromarray(image) for image in x[:6]]
    files = [tmp_path / f"{number}.png" for number in range(6)]
    for picture, file in zip(pictures, files, strict=True):
        picture.save(file)
    expected = found.predict(x[:6]).tolist()
    for given in (pictures, files, [str(file) for file in files], tmp_path, str(tmp_path)):
        assert found.predict(given).tolist() == expected
    assert found.predict(files[0]).tolist() == expected[:1]
    assert found.predict(x[:6].repeat(3, axis=1).repeat(3, axis=2)).tolist() == expected  # of another size


def test_a_dataset_brings_its_labels(shapes_npz: Path, at_once: None) -> None:
    for given in (str(shapes_npz), shapes_npz, load_dataset(shapes_npz)):
        found = ImageClassifier().fit(given)
        assert found.classes_.tolist() == ["0", "1", "2"]
    dataset = load_dataset(shapes_npz)
    expected = np.mean(found.predict(dataset.x_test) == np.array(dataset.classes)[dataset.y_test])
    assert found.score(shapes_npz) == expected == found.search_result_.best.test_accuracy
    with pytest.raises(InvalidArgument, match=r"`y` of `ImageClassifier.fit` must be None beside a dataset"):
        ImageClassifier().fit(shapes_npz, [1, 2])


def test_score_is_on_images_that_were_not_learned_from(
    shapes: tuple[np.ndarray, np.ndarray], at_once: None, tmp_path: Path
) -> None:
    x, y = shapes
    for number, (image, name) in enumerate(zip(x, y, strict=True)):
        place = tmp_path / ("mine" if number < 80 else "other") / name
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number}.png")
    found = ImageClassifier().fit(tmp_path / "mine")
    assert found.score(tmp_path / "mine") == found.search_result_.best.test_accuracy
    # another dataset counts whole: none of it was learned from
    assert found.score(tmp_path / "other") == pytest.approx(found.score(x[80:], y[80:]))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda x, y: (x, None), "requires y to be passed"),
        (lambda x, y: (x, y[:-1]), "inconsistent numbers of samples"),
        (lambda x, y: (x.reshape(len(x), -1)[:, :60], y), "must have s·s features (grey) or 3·s·s (in colour)"),
        (lambda x, y: (np.moveaxis(np.stack([x] * 3, -1), 3, 1), y), "use `numpy.moveaxis(x, 1, 3)`"),
        (lambda x, y: (x / -255, y), "Negative values in data"),
        (lambda x, y: (x * 2.3, y), "must hold values in [0, 1], [-1, 1] or [0, 255]"),
        (lambda x, y: (np.where(x == x.max(), np.nan, x), y), "NaN"),
        (lambda x, y: (x, np.linspace(0, 1, len(x))), "continuous"),
        (lambda x, y: (x, ["all"] * len(x)), "must hold 2 to 1,000 classes. Got 1 class"),
        (lambda x, y: (x[:4], [0, 0, 0, 1]), "have at least 2 images each"),
        (lambda x, y: ([[[1, 2]], [[3]]], [0, 1]), "inhomogeneous shape"),
        (lambda x, y: (["a.png", "b.png"], [0, 1]), "must be a dataset, or arrays of images"),
        (lambda x, y: ("nowhere", None), "nothing is at that path"),
    ],
)
def test_what_no_network_can_learn_from_is_refused_in_one_line(
    change: Callable[..., Any], line: str, shapes: tuple[np.ndarray, np.ndarray], at_once: None
) -> None:
    with pytest.raises(WrongInput) as refused:
        ImageClassifier().fit(*change(*shapes))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not asked


@pytest.mark.parametrize(
    ("parameters", "error", "line"),
    [
        ({"space": "chian"}, UnknownName, "Did you mean `chain`?"),
        ({"strategy": "evolutoin"}, UnknownName, "Did you mean `evolution`?"),
        ({"recipe": "quik"}, UnknownName, "Did you mean `quick`?"),
        ({"recipe": 3}, InvalidArgument, "The `recipe` of `ImageClassifier` must be a `Recipe`, or"),
        ({"final_recipe": "quik"}, UnknownName, "Did you mean `quick`?"),
        ({"final_recipe": None}, InvalidArgument, "The `final_recipe` of `ImageClassifier` must be a `Recipe`, or"),
        ({"final": -1}, InvalidArgument, "`networks`"),
        ({"candidates": 0}, InvalidArgument, "`candidates`"),
        ({"max_params": -1}, InvalidArgument, "The `max_params` of `ImageClassifier` must be a whole number"),
        (
            {"max_latency": 0},
            InvalidArgument,
            "The `max_latency` of `ImageClassifier` must be a number of milliseconds",
        ),
        ({"budget": "soon"}, InvalidArgument, "The `budget` of `ImageClassifier` must be seconds, or a time"),
        ({"random_state": -1}, InvalidArgument, "`seed`"),
    ],
)
def test_a_wrong_parameter_is_refused_when_it_is_fitted(
    parameters: dict[str, Any], error: type[Exception], line: str, shapes: tuple[np.ndarray, np.ndarray], at_once: None
) -> None:
    made = ImageClassifier(**parameters)
    with pytest.raises(error) as refused:
        made.fit(*shapes)
    assert line in str(refused.value)
    with pytest.raises(NotFittedError):
        made.predict(shapes[0])


# Among other estimators ---------------------------------------------------------------------------------------------


def test_it_is_validated_chosen_and_put_in_a_pipeline(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    x, y = shapes
    scores = cross_val_score(ImageClassifier(), x, y, cv=3)
    assert scores.shape == (3,)
    assert scores.min() > 0.9
    assert len({one["run_folder"] for one in asked}) == 3
    assert len({one["dataset"].fingerprint for one in asked}) == 3
    chosen = GridSearchCV(ImageClassifier(candidates=7), {"space": ["chain", "nb201"]}, cv=2).fit(x, y)
    assert chosen.best_estimator_.score(x, y) > 0.9
    assert {one["space"].name.partition(":")[0] for one in asked[3:]} == {"chain", "nb201"}
    darker = make_pipeline(FunctionTransformer(lambda x: x // 2), ImageClassifier())
    assert darker.fit(x, y).score(x, y) > 0.9
    assert asked[-1]["dataset"].x_train.max() <= 127


def test_parameters_reach_the_search(shapes: tuple[np.ndarray, np.ndarray], at_once: None, tmp_path: Path) -> None:
    recipe = Recipe(epochs=2, image_side=AUTO)
    given = {
        "strategy": "random", "candidates": 9, "shortlist": 2, "predictor": "cost-only", "max_params": 10_000,
        "max_macs": 20_000, "max_memory": 30_000, "max_latency": 2.5,
        "run_folder": tmp_path / "run", "database": tmp_path / "a.duckdb", "device": "cpu",
        "random_state": 3, "recipe": recipe, "final": 2, "final_recipe": "thorough", "tune": False,
    }  # fmt: skip
    made = ImageClassifier(**given)
    assert made.get_params() == {**ImageClassifier().get_params(), **given}
    clone(made).fit(*shapes)
    (told,) = asked
    settings, session = told["settings"], told["session"]
    assert (settings.strategy, settings.candidates, settings.shortlist, settings.seed) == ("random", 9, 2, 3)
    assert settings.limits == Limits(10_000, 20_000, 30_000, 0.0025)
    assert (session.database, session.device, session.predictor) == (tmp_path / "a.duckdb", "cpu", "cost-only")
    assert told["run_folder"] == tmp_path / "run"
    assert told["recipe"] == Recipe(epochs=2, image_side=16)
    assert told["final"] == FinalSettings(on_all_images(RECIPES["thorough"], 96), networks=2, trials=0, mirror=True)
    assert told["wish"] is None
    ImageClassifier(budget="2m", shortlist=2, tune=False).fit(*shapes)
    wish = asked.pop()["wish"]
    assert (wish.seconds, wish.fixed) == (120, {"shortlist", "trials"})
    ImageClassifier(final=0).fit(*shapes)
    assert (asked[1]["settings"], asked[1]["recipe"], asked[1]["final"]) == (SearchSettings(), Recipe(), None)
    ImageClassifier().fit(*shapes)
    everything = on_all_images(RECIPES["standard"], 96)
    assert asked[2]["final"] == FinalSettings(everything, mirror=True)


def test_random_state_decides_over_all_that_is_random(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    def answers(state: Any) -> np.ndarray:
        return ImageClassifier(random_state=state).fit(*shapes).predict_proba(shapes[0])

    np.testing.assert_array_equal(answers(1), answers(1))
    assert np.abs(answers(1) - answers(2)).max() > 0
    np.testing.assert_array_equal(answers(np.random.RandomState(5)), answers(np.random.RandomState(5)))
    assert np.abs(answers(None) - answers(None)).max() > 0


def test_a_pickle_needs_no_folder(shapes: tuple[np.ndarray, np.ndarray], at_once: None) -> None:
    x, y = shapes
    found = ImageClassifier().fit(x, y)
    expected, folder = found.predict_proba(x), asked[0]["run_folder"]
    assert folder.is_dir()
    file = io.BytesIO()
    joblib.dump(found, file)
    pickled = pickle.dumps(found)
    del found
    gc.collect()
    assert not folder.exists()
    file.seek(0)
    for again in (pickle.loads(pickled), joblib.load(file)):
        np.testing.assert_array_equal(again.predict_proba(x), expected)
        assert again.search_result_.best.accuracy > 0.5
        assert again.recipe_ == SMALL


def test_a_search_in_which_every_training_fails_leaves_no_classifier(
    shapes: tuple[np.ndarray, np.ndarray], at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = Verified(Chosen("a", {}, "short-list", 1, 1, 1, 1, "now"), "diverged", None, None, (), 0.0, "loss is NaN")
    rounds = (RoundResult(1, "predicted-1", 1, 1, None, (failed,)),)
    made = SearchResult(Path(), "arrays", "f", "chain", "evolution", {}, rounds)
    monkeypatch.setattr(Session, "search", lambda self, dataset, **_: made)
    with pytest.raises(TrainingFailure, match=r"No network of the short-list was trained to its end: loss is NaN\."):
        ImageClassifier().fit(*shapes)


def test_scikit_learn_is_loaded_by_those_who_ask_for_the_estimator() -> None:
    code = (
        "import sys, presage\n"
        "assert not {'sklearn', 'torch', 'numpy'} & set(sys.modules)\n"
        "presage.ImageClassifier\n"
        "assert 'sklearn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
