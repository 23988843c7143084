"""A small text of made-up sentences, and a recipe that trains on it within a second."""

from __future__ import annotations

import random

import pytest

from presage.training.text.recipe import TextRecipe
from presage.training.text.text_data import TextData, text_data

WHO = ("the fox", "an old king", "my sister", "the moon", "a grey cat", "nobody", "the miller")
DID = ("saw", "followed", "sang to", "forgot", "painted", "feared")
END = (".", ", and laughed.", ", but not for long.", "!")


def made_text(sentences: int, seed: int = 0) -> str:
    numbers = random.Random(seed)
    lines = [
        f"{numbers.choice(WHO).capitalize()} {numbers.choice(DID)} {numbers.choice(WHO)}{numbers.choice(END)}"
        for _ in range(sentences)
    ]
    return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def text() -> str:
    return made_text(250)


@pytest.fixture(scope="session")
def data(text: str) -> TextData:
    return text_data(text, "made")


@pytest.fixture(scope="session")
def quick() -> TextRecipe:
    return TextRecipe(epochs=3, batch=8, sequence_length=24, parameters=6000, embedding=8, learning_rate=0.02)
