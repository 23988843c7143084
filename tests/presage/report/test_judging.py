"""Confusion matrix, precision and recall, against scikit-learn; the worst mistakes by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from presage.report.judging import MOST_CLASSES, judgement
from presage.report.pictures import Pictures
from presage.training.held_out import HeldOut


def _said(labels: np.ndarray, predicted: np.ndarray, label_confidence: np.ndarray) -> HeldOut:
    n = len(labels)
    columns = (range(n), labels, predicted, [900] * n, label_confidence)
    return HeldOut(*(tuple(int(one) for one in column) for column in columns), names={"3": "three.png"})


def test_matrix_precision_and_recall_are_scikit_learn_s() -> None:
    rng = np.random.default_rng(0)
    labels, noise = rng.integers(0, 4, 300), rng.random(300)
    predicted = np.where(noise < 0.6, labels, rng.integers(0, 4, 300))
    found = judgement("test", _said(labels, predicted, np.full(300, 5)), list("abcd"), Pictures(None))
    assert np.array_equal(found.matrix, confusion_matrix(labels, predicted))
    precision, recall, _, support = precision_recall_fscore_support(labels, predicted)
    assert [one.precision for one in found.scores] == pytest.approx(precision)
    assert [one.recall for one in found.scores] == pytest.approx(recall)
    assert [one.images for one in found.scores] == list(support)
    assert found.accuracy == pytest.approx((labels == predicted).mean())
    assert found.wrong == (labels != predicted).sum()


def test_a_class_without_images_or_never_said_has_no_recall_or_precision() -> None:
    found = judgement("test", _said(np.array([0, 0]), np.array([1, 1]), np.array([1, 1])), list("abc"), Pictures(None))
    assert [(one.precision, one.recall) for one in found.scores] == [(None, 0.0), (0.0, None), (None, None)]


def test_the_worst_mistake_held_its_label_the_least_probable_and_is_named_by_its_file() -> None:
    said = _said(np.array([0, 1, 0, 1]), np.array([1, 1, 1, 0]), np.array([30, 900, 20, 10]))
    found = judgement("validation", said, ["a", "b"], Pictures(None))
    assert [one.image for one in found.mistakes] == ["three.png", "x_train[2]", "x_train[0]"]
    assert [one.label_confidence for one in found.mistakes] == [0.01, 0.02, 0.03]


def test_of_many_classes_the_most_confused_are_listed() -> None:
    k = MOST_CLASSES + 5
    labels = np.concatenate([np.arange(k), [7, 7, 7, 9]])
    predicted = np.concatenate([np.arange(k), [8, 8, 8, 2]])
    found = judgement(
        "test", _said(labels, predicted, np.full(k + 4, 5)), [f"c{at}" for at in range(k)], Pictures(None)
    )
    assert found.matrix == ()
    assert found.pairs == (("c7", "c8", 3), ("c9", "c2", 1))
    assert (found.scores[0].name, found.scores[0].recall) == ("c7", 0.25)
    assert len(found.scores) == MOST_CLASSES
