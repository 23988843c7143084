"""A model's folder gives the network back, runs without presage, and is refused where it is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from presage.architecture.recurrent.published import published
from presage.errors import InvalidArgument, InvalidModel
from presage.training.text.fitting import columns, train_text
from presage.training.text.recipe import TextRecipe
from presage.training.text.standalone import joined
from presage.training.text.text_data import TextData
from presage.training.text.text_model import TextModel, load_text_model, save_text_model


@pytest.fixture(scope="module", params=["lstm", "darts_v2"])
def model(request: pytest.FixtureRequest, data: TextData, quick: TextRecipe) -> TextModel:
    cell = published(request.param)
    return TextModel.of(data, cell, quick, train_text(data, cell, quick))


def test_the_program_of_the_folder_is_the_network_that_was_trained(data: TextData, quick: TextRecipe) -> None:
    for name in ("gru", "enas"):
        cell = published(name)
        training = train_text(data, cell, quick)
        assert training.model is not None
        text = columns(data, quick, torch.device("cpu")).validation[:40]
        network = TextModel.of(data, cell, quick, training).network
        states, rows = network.start(text.shape[1]), []
        with torch.no_grad():
            for symbols in text:
                logits, states = network.step(symbols, states)
                rows.append(logits)
            whole, _ = training.model(text)
        assert torch.allclose(torch.stack(rows), whole, atol=1e-4)


def test_a_folder_is_read_back_and_generates_the_same(model: TextModel, tmp_path: Path) -> None:
    save_text_model(model, tmp_path / "m")
    again = load_text_model(tmp_path / "m")
    assert (again.cell, again.symbols, again.recipe, again.value) == (
        model.cell,
        model.symbols,
        model.recipe,
        model.value,
    )
    said = again.generate("The fox", 60, seed=2)
    assert said == model.generate("The fox", 60, seed=2)
    assert len(said) == 60
    assert said != again.generate("The fox", 60, seed=3)
    assert again.generate("The fox", 20, temperature=0) == again.generate("The fox", 20, temperature=0, seed=9)
    assert "\N{REPLACEMENT CHARACTER}" not in again.generate("Ω", 200, temperature=5)


def test_the_folder_runs_where_there_is_no_presage(model: TextModel, tmp_path: Path) -> None:
    save_text_model(model, tmp_path / "m")
    done = subprocess.run(
        [sys.executable, "-I", str(tmp_path / "m" / "model.py"), "The fox", "50", "0.5", "7"],
        capture_output=True, text=True, check=True, cwd=tmp_path, env={**os.environ, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert done.stdout == "The fox" + model.generate("The fox", 50, 0.5, 7) + "\n"
    program = (tmp_path / "m" / "model.py").read_text(encoding="utf-8")
    assert "import presage" not in program
    assert "from presage" not in program


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda told: told.update(version=9), "newer presage"),
        (lambda told: told.update(format="x"), "not of the format"),
        (lambda told: told.pop("cell"), "KeyError"),
        (lambda told: told["cell"]["nodes"].pop(), "must end with"),
        (lambda told: told["symbols"].append("Q"), "not those of its cell"),
        (lambda told: told.update(metric="accuracy"), "`metric`"),
        (lambda told: told.update(weights_sha256="0" * 64), "not what was written"),
    ],
)
def test_a_damaged_folder_is_refused_in_one_line(model: TextModel, tmp_path: Path, damage: object, said: str) -> None:
    save_text_model(model, tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    damage(told)  # type: ignore[operator]
    path.write_text(json.dumps(told), encoding="utf-8")
    with pytest.raises(InvalidModel) as refused:
        load_text_model(tmp_path / "m")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_what_is_no_model_or_no_request_is_refused(model: TextModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no such folder"):
        load_text_model(tmp_path / "none")
    with pytest.raises(InvalidModel, match=r"no file model\.json"):
        load_text_model(tmp_path)
    for given in ({"count": 0}, {"temperature": -1.0}):
        with pytest.raises(InvalidArgument):
            model.generate(**given)  # type: ignore[arg-type]


def test_words_are_joined_as_people_write_them() -> None:
    assert joined(["He", "said", ":", "(", "yes", ")", ",", "no", "!", "\n", "Why"]) == "He said: (yes), no!\nWhy"
