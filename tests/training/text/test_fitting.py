"""Training learns a text, is repeated by its seed, carries the state, and measures what it says."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from presage.architecture.recurrent.published import PUBLISHED, published
from presage.errors import InvalidArgument, InvalidDataset
from presage.training.text.fitting import chunks, columns, mean_loss, new_model, train_text
from presage.training.text.language_model import model_parameters, model_sizes
from presage.training.text.metrics import of_loss
from presage.training.text.recipe import TextRecipe
from presage.training.text.recording import text_record
from presage.training.text.text_data import TextData, text_data

CPU = torch.device("cpu")


def test_a_cell_learns_more_than_pairs_of_characters_tell(data: TextData, quick: TextRecipe) -> None:
    found = train_text(data, published("gru"), replace(quick, epochs=6))
    assert found.status == "finished"
    assert found.metric == "bits_per_character"
    assert found.value == found.curve[-1] == min(found.curve)
    assert found.value is not None
    assert found.value < text_record(data).bigram_entropy
    assert found.test_value == pytest.approx(found.value, abs=0.3)
    assert len(found.curve) == len(found.train_losses) == 6


def test_a_seed_repeats_a_training_and_leaves_torch_s_generator_alone(data: TextData, quick: TextRecipe) -> None:
    recipe = replace(quick, epochs=1, dropout=0.2, recurrent_dropout=0.2)
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second = (train_text(data, published("rnn"), recipe, seed=3) for _ in range(2))
    assert first.curve == second.curve
    assert torch.equal(before, torch.get_rng_state())
    assert train_text(data, published("rnn"), recipe, seed=4).curve != first.curve


@pytest.mark.parametrize("optimizer", ["sgd", "asgd"])
def test_the_other_optimizers_learn_too(data: TextData, quick: TextRecipe, optimizer: str) -> None:
    recipe = replace(quick, optimizer=optimizer, learning_rate=8.0, schedule="constant", epochs=5, patience=1)
    curve = train_text(data, published("gru"), recipe).curve
    assert curve[-1] < 0.8 * curve[0]


def test_averaging_begins_where_validation_no_longer_improves(data: TextData, quick: TextRecipe) -> None:
    plain = replace(quick, optimizer="sgd", learning_rate=30.0, schedule="constant", epochs=8, clip=5.0)
    averaged = replace(plain, optimizer="asgd", patience=1)
    one, other = (train_text(data, published("rnn"), recipe).curve for recipe in (plain, averaged))
    begun = next(at for at in range(len(one)) if one[at] != other[at])
    assert one[begun - 1] > min(one[: begun - 1])
    assert other[-1] < one[-1]


def test_words_are_measured_by_perplexity(text: str, quick: TextRecipe) -> None:
    data = text_data(text, "made", words=40)
    found = train_text(data, published("gru"), replace(quick, tied=True, embedding=0, epochs=4))
    assert found.metric == "perplexity"
    assert found.value is not None
    assert 1 < found.value < 12
    assert found.embedding == found.hidden


def test_a_training_that_diverges_is_said_to(data: TextData, quick: TextRecipe) -> None:
    found = train_text(data, published("rnn"), replace(quick, optimizer="sgd", learning_rate=1e38, clip=1e30))
    assert found.status == "diverged"
    assert found.value is found.test_value is found.model is None


def test_the_metric_is_the_mean_over_the_text_with_the_state_carried_on(data: TextData, quick: TextRecipe) -> None:
    torch.manual_seed(0)
    model = new_model(data, published("lstm"), quick)
    text = columns(data, quick, CPU).validation
    with torch.no_grad():
        logits, _ = model.eval()(text[:-1])
        whole = float(F.cross_entropy(logits.flatten(0, 1), text[1:].flatten()))
    assert mean_loss(model, text, quick) == pytest.approx(whole, rel=1e-5)
    assert of_loss("bits_per_character", math.log(2)) == 1
    assert of_loss("perplexity", math.log(50)) == pytest.approx(50)


def test_chunks_cover_every_symbol_once_in_order(data: TextData, quick: TextRecipe) -> None:
    text = columns(data, quick, CPU).train
    found = list(chunks(text, quick.sequence_length))
    assert torch.equal(torch.cat([symbols for symbols, _ in found]), text[:-1])
    assert torch.equal(torch.cat([following for _, following in found]), text[1:])
    assert np.array_equal(text[:, 0].numpy(), data.parts[0][: len(text)])


@pytest.mark.parametrize("name", PUBLISHED)
def test_all_cells_have_nearly_as_many_parameters_as_they_may(name: str, data: TextData) -> None:
    for tied in (False, True):
        recipe = TextRecipe(parameters=30_000, embedding=0 if tied else 16, tied=tied)
        embedding, hidden = model_sizes(published(name), len(data.symbols), recipe)
        model = new_model(data, published(name), recipe)
        actual = sum(weight.numel() for weight in model.parameters())
        assert actual == model_parameters(published(name), len(data.symbols), embedding, hidden, tied)
        assert 0.85 * 30_000 < actual <= 30_000


def test_texts_shorter_than_a_batch_and_sizes_of_nothing_are_refused_in_one_line(data: TextData) -> None:
    with pytest.raises(InvalidDataset, match=r"at least 16,640 symbols to train on, 256 × \(64 \+ 1\)") as refused:
        train_text(data, published("rnn"), TextRecipe(batch=256))
    assert "\n" not in str(refused.value)
    with pytest.raises(InvalidArgument, match="`parameters`"):
        train_text(data, published("rnn"), TextRecipe(parameters=100))
    with pytest.raises(InvalidDataset, match="for validation"):
        train_text(text_data("ab" * 40, "ab"), published("rnn"), TextRecipe(batch=1, sequence_length=4))


@pytest.mark.parametrize(
    "changes",
    [
        {"dropout": 0.2, "recurrent_dropout": 0.2},
        {"optimizer": "asgd", "learning_rate": 30.0, "schedule": "constant", "clip": 5.0, "patience": 1},
    ],
)
def test_a_training_that_was_stopped_goes_on_to_the_same_end(
    data: TextData, quick: TextRecipe, tmp_path: Path, changes: dict[str, Any]
) -> None:
    recipe, cell = replace(quick, epochs=8, **changes), published("rnn")
    whole = train_text(data, cell, recipe, seed=3)

    def stop(done: int, value: float) -> None:
        if done == 6:
            raise KeyboardInterrupt

    checkpoint = tmp_path / "checkpoint.pt"
    with pytest.raises(KeyboardInterrupt):
        train_text(data, cell, recipe, 3, on_epoch=stop, checkpoint=checkpoint)
    told: list[int] = []
    found = train_text(data, cell, recipe, 3, on_epoch=lambda done, value: told.append(done), checkpoint=checkpoint)
    assert told == [7, 8]
    assert (found.curve, found.train_losses, found.test_value) == (whole.curve, whole.train_losses, whole.test_value)
    again = train_text(data, cell, recipe, 3, on_epoch=lambda done, value: told.append(done), checkpoint=checkpoint)
    assert told == [7, 8]  # it was over
    assert again.test_value == whole.test_value
    other = train_text(data, cell, recipe, 4, checkpoint=checkpoint)  # another training's file counts for nothing
    assert other.curve == train_text(data, cell, recipe, 4).curve


def test_a_checkpoint_that_is_none_is_refused(data: TextData, quick: TextRecipe, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"not one")
    with pytest.raises(InvalidArgument, match="a file that presage wrote"):
        train_text(data, published("rnn"), quick, checkpoint=tmp_path / "checkpoint.pt")
