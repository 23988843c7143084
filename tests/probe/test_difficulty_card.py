from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

from presage.errors import InvalidArgument, WrongInput
from presage.probe import PROBE_VERSION, HeldOutImages, KnownDataset, Outlook, ProbeRun, difficulty_card, nearest

CONFUSION = np.array([[8, 2, 0], [1, 9, 0], [0, 1, 9]])


def run(seed: int, dcn: float, **changes: object) -> ProbeRun:
    made = ProbeRun(
        version="1",
        fingerprint="f" * 64,
        name="sea",
        seed=seed,
        dcn=dcn,
        curve=(dcn,),
        seconds=2.0,
        device="cpu",
        versions={},
        created_at="2026-11-22T00:00:00+00:00",
        confusion=CONFUSION,
        chance=0.5,
        classes=("cod", "eel", "ray"),
        description={"size": 0.0, "same": 1.0},
    )
    return replace(made, **changes)


def test_mean_spread_and_lift_by_hand() -> None:
    card = difficulty_card([run(0, 0.8), run(1, 0.9), run(2, 0.85)])
    assert card.dcn == pytest.approx(0.85)
    assert card.spread == pytest.approx(0.05)  # sample deviation of .8, .9, .85
    assert (card.lowest, card.highest, card.seeds) == (0.8, 0.9, (0, 1, 2))
    assert card.lift == pytest.approx(0.7)  # (.85 - .5) / (1 - .5)
    assert card.seconds == 6.0


def test_one_seed_has_no_spread() -> None:
    card = difficulty_card([run(0, 0.8)])
    assert card.spread is None
    assert "±" not in card.text()


def test_confused_pairs_by_hand() -> None:
    card = difficulty_card([run(0, 0.8), run(1, 0.9)])
    pairs = [(pair.first, pair.second, pair.mistakes, pair.images) for pair in card.confused]
    assert pairs == [("cod", "eel", 6, 40), ("eel", "ray", 2, 40)]
    assert card.confused[0].rate == pytest.approx(0.15)
    assert [pair.mistakes for pair in difficulty_card([run(0, 0.8)]).confused] == [3]  # one mistake is no pattern


def test_nearest_known_datasets_by_hand() -> None:
    """DCNs .5, .6, .9 have deviation .16997; sizes 0, 3, 0 have 1.41421; `same` does not vary."""
    here = KnownDataset("here", 0.5, {"size": 0.0, "same": 1.0})
    near, far = nearest(
        here, [KnownDataset("b", 0.9, {"size": 0.0, "same": 1.0}), KnownDataset("a", 0.6, {"size": 3.0, "same": 1.0})]
    )
    assert (near.name, far.name) == ("a", "b")
    assert near.dcn_difference == pytest.approx(0.1)
    assert near.description_distance == pytest.approx(3 / 2**0.5)
    assert near.distance == pytest.approx(((0.1 / 0.16996732) ** 2 + 4.5) ** 0.5)
    assert far.distance == pytest.approx(0.4 / 0.16996732)


def test_known_datasets_may_be_plain_pairs_and_exclude_the_dataset_itself() -> None:
    known = [("lake", 0.82), KnownDataset("again", 0.8, fingerprint="f" * 64), ("pond", 0.3)]
    card = difficulty_card([run(0, 0.8)], known)
    assert [near.name for near in card.nearest] == ["lake", "pond"]
    assert card.nearest[0].description_distance is None


def test_the_recipe_that_the_dcns_are_by_is_said() -> None:
    card = difficulty_card([run(0, 0.8, version=PROBE_VERSION)])
    assert "by the recipe  16 px, up to 2,000 images, 10 epochs" in card.text()
    assert card.to_json()["recipe_words"] == "16 px, up to 2,000 images, 10 epochs"
    older = difficulty_card([run(0, 0.8, version="0")])
    assert older.recipe_words == ""
    assert "px" not in older.text()


def test_a_name_without_neighbours_says_none() -> None:
    assert "nearest known  none" in difficulty_card([run(0, 0.8)]).text()


def test_noise_is_not_examined_without_predictions() -> None:
    card = difficulty_card([run(0, 0.8)])
    assert card.noise is None
    assert "label noise    not examined" in card.text()


def test_card_names_the_suspected_image() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05]] * 9 + [[0.01, 0.01, 0.98], [0.1, 0.1, 0.8]], dtype=np.float32)
    held_out = HeldOutImages(np.arange(100, 111), np.array([0] * 10 + [2]), probabilities)
    card = difficulty_card([run(0, 0.8, held_out=held_out)])
    assert (
        "1 of the 11 images that the probe did not train on (9.1%); image 109 is filed under cod, looks like ray"
        in card.text()
    )


def test_card_names_the_suspected_image_by_its_file_where_there_is_one() -> None:
    probabilities = np.array([[0.9, 0.05, 0.05]] * 9 + [[0.01, 0.01, 0.98], [0.1, 0.1, 0.8]], dtype=np.float32)
    labels = np.array([0] * 10 + [2])
    files = (*(f"cod/{i}.jpg" for i in range(10)), "ray/0.jpg")
    parts = [
        HeldOutImages(np.arange(11), labels, probabilities, files),
        HeldOutImages(np.array([9, 3]), labels[[9, 3]], probabilities[[9, 3]], (files[9], files[3])),
    ]
    card = difficulty_card([run(seed, 0.8, held_out=part) for seed, part in enumerate(parts)])
    assert "(9.1%); cod/9.jpg is filed under cod, looks like ray" in card.text()
    assert card.to_json()["noise"]["suspects"][0]["file"] == "cod/9.jpg"


def test_the_card_says_what_more_would_bring_where_the_ladder_tells() -> None:
    outlook = (
        Outlook("images", "twice the images", 3.4, -0.3, 6.2, 0.9),
        Outlook("side", "32 px for 16", -1.6, -5.0, 2.0, 0.9),
    )
    card = difficulty_card([run(0, 0.8)], outlook=outlook, ladder_seconds=11.4)
    assert "(probe version 1, 2 s and 11 s for its ladder)" in card.text()
    said = "  more brings    twice the images +3 points (0 to +6); 32 px for 16 -2 points (-5 to +2)"
    assert said in card.text().splitlines()
    found = card.to_json()["outlook"]
    assert found[0] == {
        "change": "images", "words": "twice the images", "points": 3.4, "lower": -0.3, "upper": 6.2, "level": 0.9
    }  # fmt: skip
    without = difficulty_card([run(0, 0.8)])
    assert "more brings" not in without.text()
    assert "ladder" not in without.text()
    assert without.to_json()["outlook"] == ()


def test_json_holds_what_the_text_says() -> None:
    held_out = HeldOutImages(np.arange(2), np.array([0, 1]), np.eye(3, dtype=np.float32)[:2])
    card = difficulty_card([run(0, 0.8, held_out=held_out), run(1, 0.9)], [("lake", 0.82)])
    found = json.loads(json.dumps(card.to_json(), allow_nan=False))
    assert found["dcn"] == pytest.approx(0.85)
    assert found["lift"] == pytest.approx(0.7)
    assert found["confused"][0]["rate"] == pytest.approx(0.15)
    assert found["noise"] == {"examined": 2, "suspects": [], "share": 0.0}
    assert found["nearest"][0]["name"] == "lake"


def test_a_frame_has_a_row_for_the_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    outlook = (Outlook("images", "twice the images", 3.4, -0.3, 6.2, 0.9),)
    card = difficulty_card([run(0, 0.8), run(1, 0.9)], [("lake", 0.82)], outlook=outlook)
    monkeypatch.setattr("presage.database.frames.find_spec", lambda name: None)  # as without pandas
    frame = card.to_frame()
    (values,) = frame.fetchall()
    row = dict(zip(frame.columns, values, strict=True))
    assert (row["name"], row["dcn"], row["lift"]) == ("sea", pytest.approx(0.85), pytest.approx(0.7))
    assert (row["most_confused"], row["most_confused_rate"]) == ("cod and eel", pytest.approx(0.15))
    assert (row["nearest"], row["more_images"], row["suspected_labels"]) == ("lake", 3.4, None)
    monkeypatch.setitem(sys.modules, "presage.database.frames", None)
    with pytest.raises(WrongInput, match="pip install duckdb pandas"):
        card.to_frame()


@pytest.mark.parametrize(
    ("runs", "rule"),
    [
        ([], "at least one probe"),
        ([run(0, 0.8), run(1, 0.8, version="2")], "one probe version"),
        ([run(0, 0.8), run(1, 0.8, fingerprint="a" * 64)], "one dataset"),
        ([run(0, 0.8), run(0, 0.8)], "a different seed each"),
    ],
)
def test_probes_that_do_not_belong_together_are_refused(runs: list[ProbeRun], rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        difficulty_card(runs)


def test_two_probe_versions_are_never_compared() -> None:
    with pytest.raises(InvalidArgument, match="probed by version 1"):
        difficulty_card([run(0, 0.8)], [KnownDataset("old", 0.8, version="0")])
