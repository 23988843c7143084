"""`presage classify` and `presage.load`: classes of image files, as a table, JSON and CSV; broken ones are named."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import presage as package
from presage.architecture.spaces import get_space
from presage.architecture.torch_bridge.build import build
from presage.classification import classify
from presage.training.datasets import image_file
from presage.training.datasets.value_range import Depth, ValueRange
from presage.training.model.folder import save_model
from presage.training.model.images import of_files
from presage.training.model.trained import TrainedModel
from presage.training.recipe import Recipe


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network whose answer is known: its classifier sees nothing, and its bias prefers `cat`, then `dog`."""
    import torch

    space = get_space("nb201")
    architecture = space.decode({parameter.name: parameter.choices[-2] for parameter in space.parameters}).canonical
    module = build(architecture, (3, 16, 16), 3).eval()
    with torch.no_grad():
        classifier = [layer for layer in module.modules() if isinstance(layer, torch.nn.Linear)][-1]
        classifier.weight.zero_()
        classifier.bias.copy_(torch.log(torch.tensor([0.2, 0.7, 0.1])))
    path = tmp_path_factory.mktemp("models") / "pets"
    model = TrainedModel(architecture, module, ("dog", "cat", "emu"), (3, 16, 16), (120.0,) * 3, (60.0,) * 3)
    save_model(model, path, program=False)
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "deep/c.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((30, 40, 3), 7, np.uint8)).save(path)
    return tmp_path / "pictures"


def test_a_table_names_each_image_its_class_and_probability(presage: Callable, folder: Path, pictures: Path) -> None:
    outcome = presage("classify", str(folder), str(pictures), "--top", "2")
    assert outcome.code == 0
    rows = [line.split() for line in outcome.out.splitlines()[2:]]
    names = [str(pictures / name) for name in ("a.jpg", "b.png", "deep/c.png")]
    assert rows == [[name, "cat", "0.700", "dog", "0.200"] for name in names]


def test_json_holds_every_probability_when_asked(presage: Callable, folder: Path, pictures: Path) -> None:
    outcome = presage("classify", str(folder), str(pictures / "b.png"), "--json", "--probabilities")
    answer = json.loads(outcome.out)
    assert answer["classes"] == ["dog", "cat", "emu"]
    (row,) = answer["images"]
    assert row["image"] == str(pictures / "b.png")
    assert row["best"] == [{"class": "cat", "probability": pytest.approx(0.7, abs=1e-6)}]
    assert row["probabilities"] == pytest.approx({"dog": 0.2, "cat": 0.7, "emu": 0.1}, abs=1e-6)


def test_csv_is_a_row_an_image(presage: Callable, folder: Path, pictures: Path) -> None:
    outcome = presage("classify", str(folder), str(pictures), "--csv", "--probabilities")
    head, *rows = csv.reader(io.StringIO(outcome.out))
    assert head == ["image", "class_1", "probability_1", "dog", "cat", "emu"]
    assert [row[1:] for row in rows] == [["cat", "0.700", "0.200000", "0.700000", "0.100000"]] * 3


def test_an_image_that_cannot_be_read_is_named_and_the_others_are_classified(
    presage: Callable, folder: Path, pictures: Path
) -> None:
    (pictures / "aa.png").write_bytes(b"\x89PNG no more")
    outcome = presage("classify", str(folder), str(pictures), "--json")
    assert outcome.code == 1
    rows = json.loads(outcome.out)["images"]
    assert [("failure" in row, Path(row["image"]).name) for row in rows] == [
        (False, "a.jpg"),
        (True, "aa.png"),
        (False, "b.png"),
        (False, "c.png"),
    ]
    assert "aa.png was not classified" in outcome.err


def test_of_many_images_each_is_read_once_whatever_is_wrong_with_some(
    folder: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "aa.png").write_bytes(b"\x89PNG no more")
    (pictures / "b (1).png").write_bytes(b"")
    read: list[str] = []

    def counted(path: Path, *arguments: object) -> np.ndarray:
        read.append(path.name)
        return image_file.read_pixels(path, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("presage.training.model.images.read_pixels", counted)
    found = classify(package.load(folder), [pictures])
    assert sorted(read) == ["a.jpg", "aa.png", "b (1).png", "b.png", "c.png"]
    reasons = {Path(one.file).name: one.failure.partition(":")[0] for one in found}
    bad = "UnidentifiedImageError"
    assert reasons == {"a.jpg": "", "aa.png": bad, "b (1).png": bad, "b.png": "", "c.png": ""}
    assert [one.best(1) for one in found if one.probabilities] == [[1]] * 3


def test_what_else_a_folder_holds_is_counted_and_named(presage: Callable, folder: Path, pictures: Path) -> None:
    (pictures / "notes.txt").touch()
    (pictures / "@eaDir").mkdir()
    outcome = presage("classify", str(folder), str(pictures))
    assert outcome.code == 0
    assert "1 file or folder of the system (`@eaDir`); 1 file that is no image (`notes.txt`)" in outcome.err


def test_deep_images_are_scaled_as_in_the_training(folder: Path, tmp_path: Path) -> None:
    model = replace(package.load(folder), depth=Depth(ValueRange(0.0, 4095.0, 12), ValueRange(-1.0, 1.0)))
    save_model(model, tmp_path / "deep", program=False)
    model = package.load(tmp_path / "deep")
    assert model.depth == Depth(ValueRange(0.0, 4095.0, 12), ValueRange(-1.0, 1.0))
    eight = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for name, values in (("a.png", eight.astype(np.uint16) * 16), ("b.tif", (eight / 127.5 - 1).astype(np.float32))):
        Image.fromarray(values).save(tmp_path / name)
        (batch,), _ = of_files([tmp_path / name], 1, 16, model.depth)
        np.testing.assert_array_equal(batch[0, 0].numpy(), eight)
    assert package.load(folder).depth is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "x.png"], "no such folder"),
        (["{folder}", "nowhere.png"], "nowhere.png"),
        (["{folder}", "{empty}"], "be images, or a folder that holds some"),
        (["{folder}", "{folder}", "--top", "0"], "--top"),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    presage: Callable, folder: Path, pictures: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    places = {"folder": folder, "pictures": pictures, "empty": tmp_path / "empty"}
    outcome = presage("classify", *(argument.format(**places) for argument in arguments))
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_csv_and_json_at_once_are_refused(presage: Callable, folder: Path, pictures: Path) -> None:
    outcome = presage("classify", str(folder), str(pictures), "--csv", "--json")
    assert outcome.code == 2
    assert "`--csv`" in json.loads(outcome.out)["message"]


def test_the_loaded_model_predicts(folder: Path, pictures: Path) -> None:
    model = package.load(folder)
    assert model.predict(pictures) == ["cat"] * 3
    assert "3 classes" in repr(model)
    trained = replace(model, recipe=Recipe(flip=True), accuracy=0.9)
    assert "recipe: 16 px, up to 2,000 images, 12 epochs, mirrored" in repr(trained)
