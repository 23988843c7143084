"""`.npz` datasets: what is accepted, and one clear line for everything else."""

from __future__ import annotations

import io
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from presage.errors import InvalidDataset
from presage.training.datasets.labels import name_classes, renumber
from presage.training.datasets.left_out import LeftOut
from presage.training.datasets.loading import load_dataset

_RNG = np.random.default_rng(0)
_X = _RNG.integers(0, 256, (12, 4, 5), dtype=np.uint8)
_Y = np.arange(12) % 3
_XT, _YT = _X[:6] ^ np.uint8(255), _Y[:6]


def _saved(path: Path, **changes: Any) -> str:
    arrays = {"x_train": _X, "y_train": _Y, "x_test": _XT, "y_test": _YT} | changes
    np.savez(path / "some.npz", **{key: value for key, value in arrays.items() if value is not None})
    return str(path / "some.npz")


def test_grey_images_come_back_as_they_were(tmp_path: Path) -> None:
    dataset = load_dataset(_saved(tmp_path, classes=np.array(["cat", "dog", "emu"])))
    assert dataset.name == "some"
    assert dataset.classes == ("cat", "dog", "emu")
    assert dataset.shape == (1, 4, 5)
    assert dataset.test_given
    assert dataset.warnings == ()
    for found, given_ in ((dataset.x_train[..., 0], _X), (dataset.x_test[..., 0], _XT)):
        np.testing.assert_array_equal(found, given_)
    np.testing.assert_array_equal(dataset.y_train, _Y)


def test_colour_and_compression(tmp_path: Path) -> None:
    x = np.repeat(_X[..., None], 3, axis=3)
    np.savez_compressed(tmp_path / "c.npz", x_train=x, y_train=_Y.astype(np.uint8))
    dataset = load_dataset(tmp_path / "c.npz")
    assert dataset.shape == (3, 4, 5)
    assert dataset.classes == ("0", "1", "2")


def test_without_a_test_set_a_stratified_fifth_is_set_aside_the_same_each_time(tmp_path: Path) -> None:
    x = np.arange(100, dtype=np.uint8).reshape(100, 1, 1)
    path = _saved(tmp_path, x_train=x, y_train=np.arange(100) % 4, x_test=None, y_test=None)
    a, b = load_dataset(path), load_dataset(path)
    assert not a.test_given
    assert np.bincount(a.y_test).tolist() == [5, 5, 5, 5]
    assert np.sort(np.concatenate([a.x_train.ravel(), a.x_test.ravel()])).tolist() == list(range(100))
    assert a.fingerprint == b.fingerprint


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda x: x.astype(np.int64), lambda x: x),
        (lambda x: x.astype(np.float64), lambda x: x),
        (lambda x: (x / 255).astype(np.float32), lambda x: x),
        (lambda x: (x / 255).astype(np.float64) * 1.0005, lambda x: x),
        (lambda x: x > 127, lambda x: np.where(x > 127, 255, 0)),
        (np.asfortranarray, lambda x: x),
    ],
)
def test_other_types_of_images_become_0_to_255(tmp_path: Path, made: Any, expected: Any) -> None:
    dataset = load_dataset(_saved(tmp_path, x_train=made(_X), x_test=made(_XT)))
    np.testing.assert_allclose(dataset.x_train[..., 0].astype(int), expected(_X), atol=1 if made(_X).max() > 1 else 0)
    if made(_X).dtype != np.float64:
        np.testing.assert_array_equal(dataset.x_test[..., 0], expected(_XT))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint8, np.int32, np.uint64, np.float16, np.float64])
def test_labels_of_any_number_type(tmp_path: Path, dtype: Any) -> None:
    y = np.arange(12) % 2
    dataset = load_dataset(_saved(tmp_path, y_train=y.astype(dtype), y_test=y[:6].astype(dtype)[:, None]))
    np.testing.assert_array_equal(dataset.y_train, y)
    np.testing.assert_array_equal(dataset.y_test, y[:6])


def test_labels_with_gaps_are_renumbered(tmp_path: Path) -> None:
    y = np.array([7, 2, 900])[_Y]
    dataset = load_dataset(_saved(tmp_path, y_train=y, y_test=y[:6]))
    assert dataset.classes == ("2", "7", "900")
    np.testing.assert_array_equal(dataset.y_train, np.array([1, 0, 2])[_Y])


def test_names_count_from_label_0_where_the_labels_fit(tmp_path: Path) -> None:
    names = np.array([b"zero", b"one", b"two", b"three", b"four"])
    dataset = load_dataset(_saved(tmp_path, y_train=_Y + 1, y_test=_YT + 1, classes=names))
    assert dataset.classes == ("one", "two", "three")
    assert "2 of the 5 names" in dataset.warnings[0]


def test_names_stand_for_the_sorted_labels_where_they_do_not(tmp_path: Path) -> None:
    dataset = load_dataset(_saved(tmp_path, y_train=_Y * 10, y_test=_YT * 10, classes=np.array(["a", "b", "c"])))
    assert dataset.classes == ("a", "b", "c")


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=30))
def test_renumbering_keeps_which_images_share_a_class(values: list[int]) -> None:
    labels = np.array(values, np.int64)
    train, test, found = renumber(labels, labels[::-1], "x")
    np.testing.assert_array_equal(found[train], labels)
    np.testing.assert_array_equal(found[test], labels[::-1])
    names, _ = name_classes(None, found, "x")
    assert [int(names[label]) for label in train] == values


def test_labels_may_be_text_compared_in_normal_form(tmp_path: Path) -> None:
    words, decomposed = np.array(["über", "café", "ox"]), np.array(["u\u0308ber", "cafe\u0301", "ox"])
    dataset = load_dataset(_saved(tmp_path, y_train=words[_Y], y_test=decomposed[_YT]))
    assert dataset.classes == ("café", "ox", "über")
    np.testing.assert_array_equal(dataset.y_train, np.array([2, 0, 1])[_Y])
    np.testing.assert_array_equal(dataset.y_test, np.array([2, 0, 1])[_YT])
    named = load_dataset(_saved(tmp_path, y_train=words[_Y], y_test=words[_YT], classes=words))
    assert named.classes == ("über", "café", "ox")
    np.testing.assert_array_equal(named.y_train, _Y)


def test_numbers_as_text_and_bytes_are_sorted_by_value(tmp_path: Path) -> None:
    written = np.array([b"10", b"9", b"100"])
    dataset = load_dataset(_saved(tmp_path, y_train=written[_Y], y_test=written[_YT][:, None]))
    assert dataset.classes == ("9", "10", "100")


def test_validation_images_are_validated_on_or_stand_in_for_a_test_set(tmp_path: Path) -> None:
    all_three = load_dataset(_saved(tmp_path, x_val=_XT, y_val=_YT))
    assert len(all_three.x_train) == 18
    np.testing.assert_array_equal(all_three.x_train[12:, ..., 0], _XT)
    np.testing.assert_array_equal(all_three.y_train, np.concatenate([_Y, _YT]))
    np.testing.assert_array_equal(all_three.x_test[..., 0], _XT)
    assert all_three.validation is not None
    assert all_three.validation.tolist() == [12, 13, 14, 15, 16, 17]
    assert all_three.warnings[0].startswith("Networks are validated on `x_val` of ")
    joined = _saved(tmp_path, x_train=np.concatenate([_X, _XT]), y_train=np.concatenate([_Y, _YT]))
    assert all_three.without_validation().fingerprint == load_dataset(joined).fingerprint  # as it was before
    with pytest.raises(
        InvalidDataset, match=r"The `y_val` of .* must hold no label that `y_train` lacks\. Got 7 in row 0"
    ):
        load_dataset(_saved(tmp_path, x_val=_XT, y_val=np.full(6, 7)))
    alone = load_dataset(_saved(tmp_path, x_valid=_XT, y_valid=_YT, x_test=None, y_test=None))
    np.testing.assert_array_equal(alone.x_test[..., 0], _XT)
    assert (len(alone.x_train), alone.test_given) == (12, True)
    assert "Took `x_valid`" in alone.warnings[0]


def test_other_arrays_are_left_out_and_named(tmp_path: Path) -> None:
    plain = load_dataset(_saved(tmp_path))
    dataset = load_dataset(_saved(tmp_path, ids=np.arange(12), x_val=_XT, notes=_OBJECTS))
    assert dataset.left_out == (LeftOut("array", ("ids", "x_val", "notes")),)
    assert dataset.warnings == (f"Left out of `{tmp_path / 'some.npz'}`: 3 arrays (`ids`, `x_val`, `notes`).",)
    assert dataset.fingerprint == plain.fingerprint


def test_values_of_all_arrays_are_scaled_alike(tmp_path: Path) -> None:
    plain = load_dataset(_saved(tmp_path))
    deep = load_dataset(_saved(tmp_path, x_train=_X.astype(np.uint16) * 16 + 4, x_test=_XT.astype(">u2") * 16))
    np.testing.assert_array_equal(deep.x_train, plain.x_train)
    np.testing.assert_array_equal(deep.x_test, plain.x_test)
    assert "as 12 bits" in deep.warnings[0]


def _nan(x: Any) -> Any:
    x = x.astype(np.float32) / 255
    x[3, 1, 1] = np.nan
    return x


_OBJECTS = np.array([object()] * 12, dtype=object)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"y_train": None}, "The `keys` of `{path}` must include `y_train`. Got x_test, x_train, y_test."),
        ({"x_test": None}, "The `keys` of `{path}` must include `x_test`. Got x_train, y_test, y_train."),
        ({"y_test": None}, "must include `y_test`."),
        ({"x_train": _OBJECTS}, "must hold plain numbers; objects are never unpickled. Got an object array."),
        ({"x_train": _OBJECTS}, "Save images of one size as one array: `numpy.stack(images)`."),
        ({"y_train": _OBJECTS}, "The `y_train` of `{path}` must hold plain numbers; objects are never unpickled."),
        ({"classes": np.array(["a", None, 2])}, "The `classes` of `{path}` must hold plain names; objects"),
        ({"classes": np.array(["a", None, 2])}, "Save names as text: `numpy.array(names, dtype=str)`."),
        (
            {"y_train": np.where(_Y == 1, np.nan, _Y)},
            "The `y_train` of `{path}` must hold no NaN or infinity. Got nan in row 1.",
        ),
        (
            {"y_test": np.where(_YT == 1, np.inf, _YT)},
            "The `y_test` of `{path}` must hold no NaN or infinity. Got inf in row 1.",
        ),
        ({"y_train": _Y - 1}, "The `y_train` of `{path}` must hold no negative label. Got -1 in row 0."),
        ({"y_train": _Y - 1.0}, "must hold no negative label. Got -1.0 in row 0."),
        ({"y_train": _Y / 2}, "The `y_train` of `{path}` must hold whole numbers. Got 0.5 in row 1."),
        (
            {"y_train": _Y.astype(np.uint64) + np.uint64(2**63)},
            "must hold labels below 2^63. Got 9223372036854775808 in row 0.",
        ),
        ({"y_train": _Y * 1e300}, "must hold labels below 2^63. Got 1e+300 in row 1."),
        ({"y_train": _Y.astype(str)}, "The `y_test` of `{path}` must hold text, as `y_train` does. Got type int64."),
        (
            {"y_train": np.array(["a", "b", "c"])[_Y], "y_test": np.array(["a", "d", "c"])[_YT]},
            "The `y_test` of `{path}` must hold no label that `y_train` lacks. Got `d` in row 1.",
        ),
        (
            {"y_train": _Y.astype(str), "y_test": _YT.astype(str), "classes": np.array(["0", "1"])},
            "The `y_train` of `{path}` must hold no label that `classes` lacks. Got `2` in row 2.",
        ),
        ({"y_train": _Y + 0j}, "must hold whole numbers. Got type complex128."),
        ({"y_train": np.eye(3)[_Y]}, "must have shape (n,). Got (12, 3). Turn one-hot labels into numbers"),
        ({"y_train": np.array(3)}, "must have shape (n,). Got ()."),
        (
            {"y_train": _Y[:11]},
            "The `y_train` of `{path}` must have one label for each of the 12 images of `x_train`. Got 11.",
        ),
        ({"y_test": _Y}, "The `y_test` of `{path}` must have one label for each of the 6 images of `x_test`. Got 12."),
        ({"y_test": _YT + 1}, "The `y_test` of `{path}` must hold no label that `y_train` lacks. Got 3 in row 2."),
        ({"x_train": _nan(_X)}, "The `x_train` of `{path}` must hold no NaN or infinity. Got one in image 3."),
        (
            {"x_train": _X / 100.0 - 1},
            "The `x_train` of `{path}` must hold values in [0, 1], [-1, 1] or [0, 255], or be whole numbers from 0.",
        ),
        ({"x_train": _X / 60, "x_test": _XT / 60}, "[-1, 1] or [0, 255], or be whole numbers from 0. Got 0"),
        ({"x_train": _X * 257.3}, "or be whole numbers from 0. Got "),
        ({"x_train": _X.astype(np.int16) - 1}, "must hold no negative value. Got -1 to "),
        ({"x_train": _X / 255, "x_test": _XT / 1.0}, "The `x_test` of `{path}` must have the range of `x_train`"),
        ({"x_train": _X.astype(str)}, "The `x_train` of `{path}` must hold numbers. Got type <U3."),
        ({"x_train": _X + 0j}, "The `x_train` of `{path}` must hold numbers. Got type complex128."),
        (
            {"x_train": _X.reshape(12, 20)},
            "must have shape (n, h, w) or (n, h, w, c) with c = 1 or 3. Got (12, 20). "
            "Give rows of pixels the height and width that their images have: `x.reshape(-1, h, w)`.",
        ),
        (
            {"x_train": np.zeros((12, 784), np.uint8)},
            "Got (12, 784). Rows of 784 are grey images of 28 x 28: use `x.reshape(-1, 28, 28)`.",
        ),
        (
            {"x_train": np.zeros((12, 3072), np.uint8)},
            "Got (12, 3072). Rows of 3072 are images of 32 x 32 in colour: use `x.reshape(-1, 32, 32, 3)`, or, where "
            "all of red comes first, `x.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)`.",
        ),
        ({"x_train": _X[..., None].repeat(4, 3)}, "with c = 1 or 3. Got (12, 4, 5, 4)."),
        ({"x_train": _X[..., None].repeat(4, 3)}, "give the first three: `x[..., :3]`."),
        ({"x_train": _X[:, None]}, "Got (12, 1, 4, 5). These are channels-first: use `numpy.moveaxis(x, 1, 3)`."),
        (
            {"x_test": _XT[:, :3]},
            "The `x_test` of `{path}` must have images of the shape of `x_train`, (4, 5, 1). Got (3, 5, 1).",
        ),
        (
            {"x_train": _X[:0], "y_train": _Y[:0]},
            "must hold at least one image of at least one pixel. Got shape (0, 4, 5).",
        ),
        ({"x_test": _XT[:0], "y_test": _YT[:0]}, "The `x_test` of `{path}` must hold at least one image"),
        ({"x_train": _X[:, :0]}, "must hold at least one image of at least one pixel. Got shape (12, 0, 5)."),
        ({"y_train": _Y * 0, "y_test": _YT * 0}, "The `classes` of `{path}` must number 2 to 1,000. Got 1."),
        (
            {"y_train": np.where(np.arange(12) == 5, 1, 0), "y_test": _YT * 0},
            "The `classes` of `{path}` must have at least 2 images each. Got 1 of class '1'.",
        ),
        (
            {"x_train": np.zeros((1001, 1, 1), np.uint8), "y_train": np.arange(1001), "x_test": None, "y_test": None},
            "must number 2 to 1,000. Got 1001.",
        ),
        (
            {"classes": np.array(["a", "b"])},
            "must name each of the 3 classes found in `y_train`. Got 2 names for labels up to 2.",
        ),
        (
            {"classes": np.array([["a", "b", "c"]])},
            "The `classes` of `{path}` must be a vector of names. Got shape (1, 3)",
        ),
        ({"classes": np.array([0.5, 1, 2])}, "The `classes` of `{path}` must be a vector of names."),
    ],
)  # fmt: skip
def test_wrong_content_is_named(tmp_path: Path, changes: dict[str, Any], line: str) -> None:
    path = _saved(tmp_path, **changes)
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(path)
    assert line.format(path=path) in str(caught.value)
    assert str(caught.value).isprintable()


class _Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (pytest.fail, ("unpickled",))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = _saved(
        tmp_path, x_train=np.array([_Bomb()] * 12, dtype=object), y_train=np.array([_Bomb()] * 12, dtype=object)
    )
    with pytest.raises(InvalidDataset, match="never unpickled"):
        load_dataset(path)


def test_a_truncated_archive_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    whole = Path(_saved(tmp_path)).read_bytes()
    for cut in range(0, len(whole), max(1, len(whole) // 40)):
        (tmp_path / "cut.npz").write_bytes(whole[:cut])
        with pytest.raises(InvalidDataset) as caught:
            load_dataset(tmp_path / "cut.npz")
        assert "cut.npz" in str(caught.value)
        assert ("cut short" in str(caught.value)) == (cut >= 4)


def test_damaged_bytes_are_refused_or_harmless(tmp_path: Path) -> None:
    whole = bytearray(Path(_saved(tmp_path)).read_bytes())
    original = load_dataset(tmp_path / "some.npz").fingerprint
    outcomes = []
    for place in range(0, len(whole), 37):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        (tmp_path / "damaged.npz").write_bytes(damaged)
        try:
            outcomes.append(load_dataset(tmp_path / "damaged.npz").fingerprint)
        except InvalidDataset as error:
            outcomes.append(str(error))
    assert all(text == original or ("damaged.npz" in text and text.isprintable()) for text in outcomes)
    assert len(set(outcomes)) > 2


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01."])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.npz").write_bytes(content)
    with pytest.raises(InvalidDataset, match=r"must be a whole \.npz archive"):
        load_dataset(tmp_path / "no.npz")


def _with_header(path: Path, shape: tuple[int, ...]) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x_train.npy", header.getvalue() + b"\0" * 100)
        labels = io.BytesIO()
        np.save(labels, _Y)
        archive.writestr("y_train.npy", labels.getvalue())


def test_an_array_that_claims_to_be_huge_is_refused_before_it_is_made(tmp_path: Path) -> None:
    _with_header(tmp_path / "bomb.npz", (10**6, 10**5, 10**5))
    start = time.process_time()
    with pytest.raises(
        InvalidDataset, match=r"must unpack to at most [0-9,]+ bytes(, half of .*)?\. Got 10,000,000,000,000,096"
    ):
        load_dataset(tmp_path / "bomb.npz")
    assert time.process_time() - start < 1


def test_an_array_shorter_than_its_header_says_is_refused(tmp_path: Path) -> None:
    _with_header(tmp_path / "short.npz", (12, 28, 28))
    with pytest.raises(InvalidDataset, match=r"short\.npz` must be readable"):
        load_dataset(tmp_path / "short.npz")


def test_a_negative_shape_is_refused(tmp_path: Path) -> None:
    _with_header(tmp_path / "less.npz", (12, -28, -28))
    with pytest.raises(InvalidDataset, match=r"less\.npz`"):
        load_dataset(tmp_path / "less.npz")


@pytest.mark.parametrize("value", [1e300, 2.0**70])
def test_whole_numbers_beyond_64_bits_are_refused(value: float, tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="must hold values of at most 64 bits"):
        load_dataset(_saved(tmp_path, x_train=np.full(_X.shape, value)))
