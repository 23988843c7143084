"""Labels as they come, turned into classes 0 … k-1 with names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from presage.training.datasets.image_dataset import refusal

__all__ = ["name_classes", "renumber"]

Labels = npt.NDArray[np.int64]


def renumber(train: Labels, test: Labels | None, owner: object) -> tuple[Labels, Labels, Labels]:
    """(y_train, y_test, found): labels as places in `found`, the sorted labels of `train`; gaps close.

    Args:
        train: (n,) whole numbers, not negative.
        test: likewise; None gives an empty y_test.
        owner: the file or dataset, for the error.

    Raises:
        InvalidDataset: a test label that no training image has.
    """
    found = np.unique(train)
    if test is None:
        test = train[:0]
    unseen = ~np.isin(test, found)
    if unseen.any():
        row = int(unseen.argmax())
        raise refusal("y_test", owner, "hold no label that `y_train` lacks", f"{int(test[row])} in row {row}")
    return np.searchsorted(found, train).astype(np.int64), np.searchsorted(found, test).astype(np.int64), found


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
