"""Splits are stratified, nested, disjoint and never change."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presage.errors import InvalidArgument, InvalidDataset
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.datasets.splits import set_aside_test, split, stratified_order

_sizes = st.lists(st.integers(1, 40), min_size=2, max_size=12).filter(lambda sizes: max(sizes) > 1)


def _dataset(sizes: list[int]) -> ImageDataset:
    y = np.repeat(np.arange(len(sizes)), sizes)
    np.random.default_rng(0).shuffle(y)
    x = np.zeros((len(y), 1, 1, 1), np.uint8)
    k = np.arange(len(sizes))
    return ImageDataset("made", x, y, x[: len(k)], k, tuple(map(str, k)))


@given(sizes=_sizes, seed=st.integers(0, 2**63), fraction=st.floats(0.01, 0.99))
def test_train_and_validation_share_nothing_and_every_class_trains(
    sizes: list[int], seed: int, fraction: float
) -> None:
    dataset = _dataset(sizes)
    found = split(dataset, seed=seed, validation_fraction=fraction)
    together = np.sort(np.concatenate([found.train, found.validation]))
    assert together.tolist() == list(range(sum(sizes)))
    assert (np.bincount(dataset.y_train[found.train], minlength=len(sizes)) >= 1).all()
    validated = np.bincount(dataset.y_train[found.validation], minlength=len(sizes)) >= 1
    assert validated.tolist() == [size > 1 for size in sizes]
    assert found.unvalidated == tuple(i for i, size in enumerate(sizes) if size == 1)


@given(sizes=_sizes, seed=st.integers(0, 1000), extra=st.tuples(st.integers(0, 300), st.integers(0, 300)))
def test_caps_share_one_validation_set_and_nest(sizes: list[int], seed: int, extra: tuple[int, int]) -> None:
    dataset = _dataset(sizes)
    few, many = (len(sizes) + e for e in sorted(extra))
    small, large = (split(dataset, seed=seed, train_images=cap) for cap in (few, many))
    assert small.validation.tolist() == large.validation.tolist()
    assert set(small.train) <= set(large.train)
    assert len(small.train) == min(few, sum(sizes) - len(small.validation))
    assert set(dataset.y_train[small.train]) == set(range(len(sizes)))


@given(sizes=st.lists(st.integers(1, 200), min_size=1, max_size=8), seed=st.integers(0, 99), data=st.data())
def test_every_prefix_of_the_order_is_stratified(sizes: list[int], seed: int, data: st.DataObject) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = stratified_order(labels, seed)
    assert sorted(order.tolist()) == list(range(len(labels)))
    p = data.draw(st.integers(len(sizes), len(labels)))
    counts = np.bincount(labels[order[:p]], minlength=len(sizes))
    share = np.array(sizes) * p / sum(sizes)
    # small classes that go first take up to one place each from the others
    assert (np.abs(counts - share) <= 2 + len(sizes) * np.array(sizes) / sum(sizes)).all()


def test_balanced_classes_are_split_evenly() -> None:
    dataset = _dataset([100] * 10)
    found = split(dataset, seed=3, train_images=500)
    assert len(found.validation) == 200
    for rows, each in ((found.train, 50), (found.validation, 20)):
        assert np.abs(np.bincount(dataset.y_train[rows]) - each).max() <= 1


def test_validation_is_at_most_2000() -> None:
    dataset = _dataset([15_000, 5_000])
    found = split(dataset, seed=0, validation_fraction=0.5)
    assert len(found.validation) == 2_000
    assert len(found.train) == 18_000
    assert np.abs(np.bincount(dataset.y_train[found.validation]) - [1500, 500]).max() <= 2


def test_seeds_differ_and_the_same_seed_does_not() -> None:
    dataset = _dataset([50, 50])
    a, b, c = split(dataset, seed=0), split(dataset, seed=0), split(dataset, seed=1)
    assert a.validation.tolist() == b.validation.tolist() != c.validation.tolist()


def test_a_known_split_never_changes() -> None:
    order = stratified_order(np.array([0, 1, 2, 1, 1, 0, 2, 1, 1, 1]), seed=5)
    assert order.tolist() == [5, 7, 6, 8, 4, 3, 1, 2, 0, 9]


def test_rows_are_not_taken_in_file_order() -> None:
    order = stratified_order(np.zeros(1000, np.int64), 0)
    assert abs(np.corrcoef(order, np.arange(1000))[0, 1]) < 0.1


def test_own_test_set_is_a_fifth() -> None:
    labels = np.repeat([0, 1, 2], [50, 25, 1])
    train, test = set_aside_test(labels)
    assert np.bincount(labels[test], minlength=3).tolist() == [10, 5, 0]
    assert np.sort(np.concatenate([train, test])).tolist() == list(range(76))


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"seed": -1}, "The `seed` of `split` must be at least 0. Got -1."),
        ({"validation_fraction": 0.0}, "The `validation_fraction` of `split` must lie between 0 and 1. Got 0.0."),
        ({"validation_fraction": 1.0}, "The `validation_fraction` of `split` must lie between 0 and 1. Got 1.0."),
        ({"validation_fraction": float("nan")}, "must lie between 0 and 1. Got nan."),
        ({"train_images": 1}, "must be at least the number of classes of `made`, 2. Got 1."),
    ],
)
def test_arguments_out_of_range_are_named(arguments: dict[str, float], line: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        split(_dataset([5, 5]), **arguments)  # type: ignore[arg-type]
    assert line in str(caught.value)


def test_nothing_to_validate_on_is_refused() -> None:
    with pytest.raises(InvalidDataset, match="at least 2 training images, to validate on"):
        split(_dataset([1, 1]), seed=0)


def test_a_dataset_with_validation_images_of_its_own_is_validated_on_all_of_these() -> None:
    plain = _dataset([20, 10, 4])
    own = np.array([0, 3, 5, 20])
    dataset = replace(plain, validation=own)
    for seed, fraction in ((0, 0.2), (7, 0.9)):
        found = split(dataset, seed=seed, validation_fraction=fraction)
        assert found.validation.tolist() == own.tolist()
        assert sorted([*found.train, *own]) == list(range(34))
    missing = set(range(3)) - set(dataset.y_train[own].tolist())
    assert found.unvalidated == tuple(missing)
    capped = split(dataset, train_images=6)
    assert len(capped.train) == 6
    assert not set(capped.train) & set(own)
    assert set(dataset.y_train[capped.train]) == {0, 1, 2}


def test_validation_images_are_part_of_what_a_dataset_is() -> None:
    plain = _dataset([5, 5])
    first, second = (replace(plain, validation=np.array(rows)) for rows in ([0, 1], [0, 2]))
    assert len({plain.fingerprint, first.fingerprint, second.fingerprint}) == 3
    assert first.without_validation().fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ([], "The `validation` of `made` must be rows of `x_train`, ascending."),
        ([2, 1], "The `validation` of `made` must be rows of `x_train`, ascending."),
        ([0, 10], "The `validation` of `made` must be rows of `x_train`, 0 … 9. Got 0 … 10."),
        (list(range(9)), "The `validation` of `made` must leave an image of each class to train on."),
    ],
)
def test_validation_images_that_are_none_are_refused(rows: list[int], line: str) -> None:
    with pytest.raises(InvalidDataset) as caught:
        replace(_dataset([5, 5]), validation=np.array(rows, np.int64))
    assert line in str(caught.value)
