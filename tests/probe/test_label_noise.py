from __future__ import annotations

import numpy as np
import pytest

from presage.errors import InvalidArgument
from presage.probe import HeldOutImages, suspect_labels
from presage.probe.noise import joined


def held_out(rows: list[tuple[int, int, list[float]]]) -> HeldOutImages:
    images, labels, probabilities = zip(*rows, strict=True)
    return HeldOutImages(np.array(images), np.array(labels), np.array(probabilities, dtype=np.float32))


ROWS = [
    (10, 0, [0.9, 0.1]),
    (11, 0, [0.9, 0.1]),
    (12, 0, [0.2, 0.8]),  # a mistake, but the label keeps .2: no suspect
    (13, 0, [0.008, 0.992]),  # t_0 = (.9 + .9 + .2 + .008) / 4 = .502, typicality .008 / .502
    (14, 1, [0.3, 0.7]),
    (15, 1, [0.1, 0.9]),  # t_1 = .8
]


def test_the_confidently_contradicted_label_is_found_and_only_it() -> None:
    found = suspect_labels(held_out(ROWS))
    assert found.examined == 6
    assert [(s.image, s.label, s.looks_like) for s in found.suspects] == [(13, 0, 1)]
    assert found.suspects[0].confidence == pytest.approx(0.992)
    assert found.suspects[0].typicality == pytest.approx(0.008 / 0.502)
    assert found.share == pytest.approx(1 / 6)


def test_a_class_must_reach_its_own_usual_probability_to_be_suspected() -> None:
    sure = [(20 + i, 1, [0.005, 0.995]) for i in range(20)]  # t_1 rises to (.7 + .9 + 20 * .995) / 22 = .977
    rows = [row if row[0] != 13 else (13, 0, [0.03, 0.97]) for row in ROWS]
    assert len(suspect_labels(held_out(rows), share_of_typical=0.2).suspects) == 1
    assert suspect_labels(held_out(rows + sure), share_of_typical=0.2).suspects == ()
    assert len(suspect_labels(held_out(ROWS + sure), share_of_typical=0.2).suspects) == 1


def test_uncertain_networks_suspect_nothing() -> None:
    draw = np.random.default_rng(0)
    probabilities = draw.dirichlet(np.full(50, 5.0), 400).astype(np.float32)
    assert suspect_labels(HeldOutImages(np.arange(400), draw.integers(0, 50, 400), probabilities)).suspects == ()


def test_the_most_doubtful_come_first() -> None:
    rows = [*ROWS, (16, 0, [0.001, 0.999])]
    assert [suspect.image for suspect in suspect_labels(held_out(rows)).suspects] == [16, 13]


def test_no_image_no_suspect() -> None:
    empty = HeldOutImages(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 3), np.float32))
    assert suspect_labels(empty).share == 0.0


def test_predictions_of_several_networks_are_averaged_by_image() -> None:
    both = joined(
        [held_out([(5, 0, [1.0, 0.0]), (2, 1, [0.5, 0.5])]), held_out([(5, 0, [0.5, 0.5]), (9, 1, [0.0, 1.0])])]
    )
    assert both.images.tolist() == [2, 5, 9]
    assert both.labels.tolist() == [1, 0, 1]
    assert both.probabilities.tolist() == [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]


def test_shapes_that_do_not_agree_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="`probabilities` of `HeldOutImages`"):
        HeldOutImages(np.arange(3), np.zeros(3, np.int64), np.zeros((2, 4), np.float32))
