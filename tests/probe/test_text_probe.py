"""The probe of a text: what is easier has the higher DCN, by hand and for texts that were made so."""

from __future__ import annotations

import random

import pytest

from presage.errors import InvalidArgument
from presage.probe.text_probe import TEXT_PROBE_RECIPE, probe_text, text_dcn
from presage.training.text.text_data import text_data


def test_the_dcn_is_the_share_of_what_an_even_guess_lacks() -> None:
    assert text_dcn("bits_per_character", (4.0, 2.0, 3.0), 16) == 0.5
    assert text_dcn("perplexity", (64.0, 16.0), 256) == 0.5
    assert text_dcn("bits_per_character", (9.0,), 16) == 0
    assert text_dcn("perplexity", (0.99,), 256) == 1


@pytest.mark.parametrize("given", [("accuracy", (0.5,), 9), ("perplexity", (), 9), ("bits_per_character", (1.0,), 1)])
def test_what_is_no_curve_of_a_probe_is_refused(given: tuple[str, tuple[float, ...], int]) -> None:
    with pytest.raises(InvalidArgument):
        text_dcn(*given)


def test_its_recipe_keeps_its_hash() -> None:
    assert TEXT_PROBE_RECIPE.hash.startswith("6f1b26800c8b3e46")


def test_noise_is_harder_than_a_text() -> None:
    numbers = random.Random(0)
    verse = " ".join(numbers.choice(("sun", "moon", "rises", "falls")) for _ in range(3000))
    letters = sorted(set(verse))
    noise = "".join(numbers.choice(letters) for _ in verse)
    found = []
    for text in (verse, noise):
        entry = probe_text(text_data(text, "x"))
        found.append(text_dcn(entry.record.metric, entry.record.curve, entry.text.symbols))
    assert found[0] > found[1] + 0.2
    assert found[1] < 0.15
