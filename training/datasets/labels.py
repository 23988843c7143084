"""Labels as they come, turned into classes 0 … k-1 with names."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from presage.training.datasets.refusing import refusal

__all__ = ["name_classes", "numbered", "renumber", "text_of"]

Labels = npt.NDArray[np.int64]


def renumber(
    train: Labels, test: Labels | None, owner: object, test_name: str = "y_test"
) -> tuple[Labels, Labels, Labels]:
    """(y_train, y_test, found): labels as places in `found`, the sorted labels of `train`; gaps close.

    Args:
        train: (n,) whole numbers, not negative.
        test: likewise; None gives an empty y_test.
        owner, test_name: the file or dataset, and its test labels, for the error.

    Raises:
        InvalidDataset: a test label that no training image has.
    """
    found = np.unique(train)
    if test is None:
        test = train[:0]
    unseen = ~np.isin(test, found)
    if unseen.any():
        row = int(unseen.argmax())
        raise refusal(test_name, owner, "hold no label that `y_train` lacks", f"{int(test[row])} in row {row}")
    return np.searchsorted(found, train).astype(np.int64), np.searchsorted(found, test).astype(np.int64), found


def numbered(
    labels: Mapping[str, npt.NDArray[Any]], names: Sequence[str] | None, owner: object
) -> tuple[dict[str, Labels], list[str]]:
    """(labels that are text as places in names, names). Texts are compared in normal form (Unicode's NFC).

    Args:
        labels: texts (n,) by what errors call them; the first are those of the training images.
        names: of the classes, in order; None for the sorted texts of the training images, numbers by their value.

    Raises:
        InvalidDataset: a text that is none of the names, or no text.
    """
    texts: dict[str, list[str]] = {}
    for key, values in labels.items():
        if values.dtype.kind not in "US":
            raise refusal(key, owner, f"hold text, as `{next(iter(labels))}` does", f"type {values.dtype}")
        texts[key] = [text_of(value) for value in values.tolist()]
    first = next(iter(texts))
    rule = "hold no label that `classes` lacks" if names is not None else f"hold no label that `{first}` lacks"
    if names is None:
        written: dict[str, str] = {}
        for text in texts[first]:
            written.setdefault(_normal(text), text)
        names = sorted(written.values(), key=_by_value)
    places = {_normal(name): place for place, name in reversed(list(enumerate(names)))}
    for key, found in texts.items():
        row = next((row for row, text in enumerate(found) if _normal(text) not in places), None)
        if row is not None:
            raise refusal(key, owner, rule, f"`{found[row]}` in row {row}")
    return {key: np.array([places[_normal(text)] for text in found], np.int64) for key, found in texts.items()}, [
        *names
    ]


def text_of(value: object) -> str:
    """A name as text; bytes are UTF-8."""
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _by_value(text: str) -> tuple[bool, int, str]:
    whole = text.isascii() and text.isdecimal() and len(text) < 20
    return (not whole, int(text) if whole else 0, text)


def name_classes(names: Sequence[str] | None, found: Labels, owner: object) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(one name for each label in `found`, warnings).

    Where every label is a place in `names`, names count from label 0; else there must be one for each of `found`.
    Without names, a class is called by its label.

    Raises:
        InvalidDataset: too few or too many names.
    """
    if names is None:
        return tuple(str(label) for label in found), ()
    if found.size and int(found[-1]) < len(names):
        unused = len(names) - len(found)
        warning = f"{unused} of the {len(names)} names in `classes` of `{owner}` have no training image."
        return tuple(names[label] for label in found), (warning,) if unused else ()
    if len(names) != len(found):
        rule = f"name each of the {len(found)} classes found in `y_train`"
        raise refusal("classes", owner, rule, f"{len(names)} names for labels up to {int(found.max(initial=0))}")
    return tuple(names), ()
