"""What a network confuses, how well it knows each class, and which mistakes it is surest of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.report.pictures import Picture, Pictures
    from presage.training.held_out import HeldOut

__all__ = ["ClassScore", "Judgement", "Mistake", "judgement"]

MOST_CLASSES = 20
"""Classes up to which a confusion matrix is shown whole; of more, the classes confused most."""

MOST_PAIRS, MOST_MISTAKES = 15, 12


@dataclass(frozen=True)
class ClassScore:
    """Of the images of a class, the share that was found (recall); of those said to be of it, the share that is.

    `precision` is None where no image was said to be of the class, and `recall` where it has no image.
    """

    name: str
    images: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class Mistake:
    """An image, what it is labelled, what was said and how surely, and how probable its label was held to be."""

    image: str
    label: str
    said: str
    confidence: float
    label_confidence: float
    picture: Picture | None


@dataclass(frozen=True)
class Judgement:
    """Of a network, on images of one part of its dataset.

    Attributes:
        part: `test` or `validation`.
        images: how many.
        accuracy: share that is right.
        classes: names of those in the matrix.
        matrix: (k, k) images of each class (row) that were said to be of each (column); empty for too many classes.
        pairs: class, said to be, images: the most frequent confusions.
        scores: of each class; the least found first where there are too many to list, and only these.
        mistakes: the surest ones.
        wrong: how many there are in all.
    """

    part: str
    images: int
    accuracy: float
    classes: tuple[str, ...]
    matrix: tuple[tuple[int, ...], ...]
    pairs: tuple[tuple[str, str, int], ...]
    scores: tuple[ClassScore, ...]
    mistakes: tuple[Mistake, ...]
    wrong: int


def judgement(part: str, said: HeldOut, classes: Sequence[str], pictures: Pictures) -> Judgement:
    """Of what a network said of held-out images.

    Raises:
        ValueError: a class that is none of `classes`.
    """
    k = len(classes)
    if max((*said.labels, *said.predicted), default=0) >= k:
        raise ValueError(f"classes must lie in 0 … {k - 1}")
    together = Counter(zip(said.labels, said.predicted, strict=True))
    matrix = [[together[row, column] for column in range(k)] for row in range(k)]
    scores = [_score(classes[at], at, matrix) for at in range(k)]
    if k > MOST_CLASSES:
        scores = sorted(scores, key=lambda one: (1.0 if one.recall is None else one.recall, one.name))[:MOST_CLASSES]
    confused = sorted(
        ((count, row, column) for (row, column), count in together.items() if row != column), reverse=True
    )
    wrong = said.mistakes
    return Judgement(
        part=part,
        images=len(said.labels),
        accuracy=said.accuracy,
        classes=tuple(classes),
        matrix=tuple(map(tuple, matrix)) if k <= MOST_CLASSES else (),
        pairs=tuple((classes[row], classes[column], count) for count, row, column in confused[:MOST_PAIRS]),
        scores=tuple(scores),
        mistakes=tuple(_mistake(part, said, at, classes, pictures) for at in wrong[:MOST_MISTAKES]),
        wrong=len(wrong),
    )


def _score(name: str, at: int, matrix: Sequence[Sequence[int]]) -> ClassScore:
    right, images, claimed = matrix[at][at], sum(matrix[at]), sum(row[at] for row in matrix)
    return ClassScore(name, images, right / claimed if claimed else None, right / images if images else None)


def _mistake(part: str, said: HeldOut, at: int, classes: Sequence[str], pictures: Pictures) -> Mistake:
    row = said.rows[at]
    return Mistake(
        image=said.names.get(str(row), f"x_{'test' if part == 'test' else 'train'}[{row}]"),
        label=classes[said.labels[at]],
        said=classes[said.predicted[at]],
        confidence=said.confidence[at] / 1000,
        label_confidence=said.label_confidence[at] / 1000,
        picture=pictures.of(part, row),
    )
