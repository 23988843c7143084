"""A trained model in a folder: what comes back, what runs without presage, and what is refused."""

from __future__ import annotations

import copy
import json
import logging
import pickle
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument, InvalidModel
from presage.training import Recipe, fit, prepare
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.model.folder import load_model, save_model
from presage.training.model.trained import TrainedModel, trained_model

CLASSES = ("circle", "pipe|line", "Ünter")


def images(n: int, side: int, seed: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, channels), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    """A network that one epoch has taught something: weights and running statistics are no longer the fresh ones."""
    labels = np.arange(48) % 3
    pixels = images(48, 20, 0)
    pixels[np.arange(48), :, 5 * labels] = 255
    dataset = ImageDataset("stripes", pixels[:36], labels[:36], pixels[36:], labels[36:], CLASSES)
    recipe = Recipe(epochs=2, least_epoch_images=48, batch=12, precision="float32")
    data = prepare(dataset, recipe, "cpu")
    space = get_space("nb201")
    architecture = space.decode({parameter.name: parameter.choices[-2] for parameter in space.parameters})
    return trained_model(architecture, dataset, data, recipe, fit(architecture, data, recipe))


@pytest.fixture(scope="module")
def folder(model: TrainedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "best"
    save_model(model, path)
    return path


@pytest.mark.parametrize("way", ["folder", "pickle", "copy"])
def test_the_model_that_comes_back_is_the_model_that_was_saved(way: str, model: TrainedModel, folder: Path) -> None:
    loaded = {
        "folder": lambda: load_model(folder),
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
        "copy": lambda: copy.deepcopy(model),
    }[way]()
    some = images(7, 33, 1)
    assert np.array_equal(loaded.logits(some), model.logits(some))
    for name in ("classes", "input_shape", "mean", "deviation", "dataset", "stored_side", "recipe", "accuracy"):
        assert getattr(loaded, name) == getattr(model, name), name
    assert loaded.architecture.hash == model.architecture.hash
    assert loaded.test_accuracy == model.test_accuracy


def test_it_scores_images_as_the_training_did(model: TrainedModel) -> None:
    """Resized and normalised as `prepare` and `logits_of` do it."""
    from presage.training import logits_of

    labels = np.arange(12) % 3
    dataset = ImageDataset("more", images(12, 20, 3), labels, images(6, 20, 4), labels[:6], CLASSES)
    data = prepare(dataset, Recipe(validation_fraction=0.2), "cpu")
    mean, deviation = torch.tensor(model.mean), torch.tensor(model.deviation)
    expected = logits_of(model.module, data.x_test, replace(data, mean=mean, deviation=deviation))
    np.testing.assert_allclose(model.logits(dataset.x_test), expected.numpy(), atol=1e-6)


def test_a_recipe_that_mirrors_in_test_mirrors_ever_after(model: TrainedModel, tmp_path: Path) -> None:
    some = images(6, 16, 12)  # of the network's own side: resizing rounds a mirror image another way
    mirrored = replace(model, recipe=Recipe(test_mirroring=True))
    expected = (model.logits(some) + model.logits(some[:, :, ::-1])) / 2
    np.testing.assert_allclose(mirrored.logits(some), expected, atol=1e-5)
    assert np.abs(mirrored.logits(some) - model.logits(some)).max() > 1e-3
    save_model(mirrored, tmp_path / "m")
    np.testing.assert_allclose(load_model(tmp_path / "m").logits(some), expected, atol=1e-5)
    program = torch.export.load(tmp_path / "m" / "program.pt2").module()
    exported = program(torch.from_numpy(some.transpose(0, 3, 1, 2).copy())).detach().numpy()
    np.testing.assert_allclose(exported, expected, atol=1e-4)


def test_a_notebook_shows_what_it_is(model: TrainedModel) -> None:
    page = model._repr_html_()
    cells = [cell.text for cell in ElementTree.fromstring(f"<div>{page}</div>").iter("td")]
    assert f"{model.accuracy:.3f}" in cells
    assert "3: circle, pipe|line, Ünter" in cells
    assert "images of any size, as 16x16 in colour" in cells
    without = replace(model, accuracy=None, test_accuracy=None, recipe=None, dataset="", classes=("<b>",) * 40)
    page = without._repr_html_()
    assert "40: &lt;b&gt;, &lt;b&gt;" in page
    assert not any(name in page for name in ("trained", "recipe", "dataset", "stopped", "<b>,"))


def test_saving_says_nothing(model: TrainedModel, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_model(model, tmp_path / "m")
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_the_exported_program_needs_torch_alone(model: TrainedModel, folder: Path, tmp_path: Path) -> None:
    some = {"a": images(5, 16, 5), "b": images(1, 61, 6)[:, :40], "c": images(200, 24, 7)}
    np.savez(tmp_path / "images.npz", **some)
    code = f"""
import sys
sys.modules["presage"] = None  # importing it is an error
import numpy, torch
program = torch.export.load({str(folder / "program.pt2")!r}).module()
found = {{}}
with numpy.load({str(tmp_path / "images.npz")!r}) as given:
    for name in given:
        found[name] = program(torch.from_numpy(given[name]).permute(0, 3, 1, 2)).detach().numpy()
numpy.savez({str(tmp_path / "logits.npz")!r}, **found)
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, cwd=tmp_path)
    with np.load(tmp_path / "logits.npz") as found:
        for name, value in some.items():
            np.testing.assert_allclose(found[name], model.logits(value), atol=1e-4)


def test_the_onnx_file_gives_the_same_logits(model: TrainedModel, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra presage[onnx] and onnxruntime")
    pytest.importorskip("onnxscript", reason="needs the extra presage[onnx]")
    save_model(model, tmp_path / "m", program=False, onnx=True)
    session = onnxruntime.InferenceSession(tmp_path / "m" / "model.onnx", providers=["CPUExecutionProvider"])
    for some in (images(200, 16, 8), images(3, 50, 9), images(1, 64, 10)[:, :31]):
        (logits,) = session.run(None, {"images": some.transpose(0, 3, 1, 2).copy()})
        np.testing.assert_allclose(logits, model.logits(some), atol=1e-4)
    assert "onnxruntime" in (tmp_path / "m" / "README.md").read_text(encoding="utf-8")


def test_its_page_says_what_it_is(folder: Path) -> None:
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert "circle, pipe\\|line, Ünter" in page
    assert "16 px, up to 2,000 images, 2 epochs" in page
    assert "presage classify best IMAGE..." in page


def test_its_page_tells_the_balanced_accuracy_where_there_is_one(model: TrainedModel, tmp_path: Path) -> None:
    rare = replace(model, accuracy=0.9, balanced_accuracy=0.4, test_balanced_accuracy=None)
    save_model(rare, tmp_path / "best", program=False)
    page = (tmp_path / "best" / "README.md").read_text(encoding="utf-8")
    assert "0.900 (trained); balanced, over the classes: 0.400" in page
    assert load_model(tmp_path / "best").balanced_accuracy == 0.4


def test_its_page_says_that_its_training_was_stopped(model: TrainedModel, tmp_path: Path) -> None:
    save_model(replace(model, stopped_after=1), tmp_path / "best", program=False)
    page = (tmp_path / "best" / "README.md").read_text(encoding="utf-8")
    assert "2 epochs; **stopped after epoch 1 of 2**" in page
    assert load_model(tmp_path / "best").stopped_after == 1


def test_the_code_of_its_page_runs(folder: Path, tmp_path: Path) -> None:
    blocks = (folder / "README.md").read_text(encoding="utf-8").split("```python\n")[1:]
    code = [block.split("```")[0] for block in blocks]
    Image.fromarray(images(1, 30, 1)[0]).save(folder.parent / "a.jpg")
    Image.fromarray(images(1, 30, 2)[0]).save(folder.parent / "b.png")
    head = "import torch\nimages = torch.zeros((2, 3, 40, 30), dtype=torch.uint8)\n"
    tail = "\nassert len(names) == 2 and logits.shape == (2, 3)\n"
    subprocess.run([sys.executable, "-W", "ignore", "-c", head + "\n".join(code) + tail], check=True, cwd=folder.parent)


def test_probabilities_sum_to_one_and_name_the_likeliest_class(model: TrainedModel) -> None:
    some = images(9, 20, 2)
    probabilities = model.predict_proba(some)
    assert probabilities.shape == (9, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-12)
    assert model.predict(some) == [CLASSES[best] for best in probabilities.argmax(axis=1)]


def test_files_arrays_and_pillow_images_of_one_picture_are_one(model: TrainedModel, tmp_path: Path) -> None:
    pixels = images(1, 20, 11)[0]  # as large as the dataset's: nothing is resized before the network's own side
    Image.fromarray(pixels).save(tmp_path / "a.png")
    expected = model.logits(pixels)
    for same in (
        tmp_path / "a.png",
        str(tmp_path / "a.png"),
        [tmp_path / "a.png"],
        Image.fromarray(pixels),
        pixels[None],
    ):
        assert np.array_equal(model.logits(same), expected)


def test_a_folder_is_read_in_the_order_of_its_names(model: TrainedModel, tmp_path: Path) -> None:
    pixels = images(3, 20, 12)
    (tmp_path / "deep").mkdir()
    for name, one in zip(("b.png", "a.png", "deep/c.png"), pixels, strict=True):
        Image.fromarray(one).save(tmp_path / name)
    (tmp_path / ".hidden.png").write_bytes(b"no image")
    (tmp_path / "notes.txt").write_text("no image either")
    np.testing.assert_array_equal(model.logits(tmp_path), model.logits(pixels[[1, 0, 2]]))


def test_grey_images_are_taken_by_a_network_for_colours(model: TrainedModel) -> None:
    grey = images(2, 20, 13, channels=1)
    np.testing.assert_array_equal(model.logits(grey), model.logits(grey.repeat(3, axis=3)))
    np.testing.assert_array_equal(model.logits(grey[..., 0]), model.logits(grey))


def test_colours_are_mixed_to_grey_as_pillow_does_it() -> None:
    from presage.training.model.images import batches

    pixels = images(2, 12, 14)
    (mixed,) = batches(pixels, 1, None)
    for row, one in zip(mixed, pixels, strict=True):
        np.testing.assert_array_equal(row[0].numpy(), np.asarray(Image.fromarray(one).convert("L")))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "uint8"),
        (np.zeros((2, 8, 8, 4), np.uint8), "c = 1 or 3"),
        (np.zeros((0, 8, 8, 3), np.uint8), "c = 1 or 3"),
        ([], "at least one image"),
        ("nowhere.png", "nowhere.png"),
        ([3], "be files, folders"),
    ],
)
def test_what_is_no_image_is_refused_in_one_line(model: TrainedModel, wrong: object, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as caught:
        model.predict(wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def damaged(folder: Path, target: Path, **changes: object) -> Path:
    target.mkdir()
    for name in ("architecture.json", "weights.safetensors"):
        (target / name).write_bytes((folder / name).read_bytes())
    described = json.loads((target / "architecture.json").read_text(encoding="utf-8"))
    described |= changes
    (target / "architecture.json").write_text(json.dumps(described), encoding="utf-8")
    return target


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"version": 2}, "newer presage"),
        ({"format": "other"}, "format"),
        ({"classes": ["a", "b"]}, "not the weights"),
        ({"classes": "abc"}, "classes"),
        ({"mean": [1.0]}, "3 numbers"),
        ({"mean": [1.0, 2.0, float("inf")]}, "finite"),
        ({"architecture": {}}, "damaged"),
        ({"input_shape": [3, 16]}, "damaged"),
        ({"accuracy": 7}, "accuracy"),
        ({"stored_side": 10**9}, "stored_side"),
        ({"stopped_after": 0}, "stopped_after"),
        ({"recipe": {"epochs": -1}}, "epochs"),
        ({"weights_sha256": "0" * 64}, "not what was written"),
    ],
)
def test_a_damaged_or_newer_folder_is_refused_in_one_line(
    folder: Path, tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(InvalidModel, match=said) as caught:
        load_model(damaged(folder, tmp_path / "m", **changes))
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidModel, match="no such folder"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(InvalidModel, match="has no file"):
        load_model(tmp_path)
    (tmp_path / "architecture.json").write_bytes(b"\xff{")
    with pytest.raises(InvalidModel, match="no JSON"):
        load_model(tmp_path)
    other = damaged(folder, tmp_path / "m")
    (other / "weights.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(InvalidModel, match="not what was written"):
        load_model(other)
    (other / "weights.safetensors").unlink()
    with pytest.raises(InvalidModel, match="cannot be read"):
        load_model(other)


def test_a_network_of_an_earlier_version_is_loaded(model: TrainedModel, folder: Path, tmp_path: Path) -> None:
    """Run folders of version 0.1.0 hold no recipe, accuracy, dataset nor digest."""
    old = damaged(folder, tmp_path / "m")
    described = json.loads((old / "architecture.json").read_text(encoding="utf-8"))
    for name in ("dataset", "stored_side", "recipe", "accuracy", "test_accuracy", "weights_sha256"):
        del described[name]
    (old / "architecture.json").write_text(json.dumps(described), encoding="utf-8")
    loaded = load_model(old)
    some = images(4, 16, 15)
    assert np.array_equal(loaded.logits(some), model.logits(some))
    assert loaded.recipe is None


def test_a_training_that_did_not_finish_leaves_no_model() -> None:
    with warnings.catch_warnings():
        from types import SimpleNamespace

        failed = SimpleNamespace(module=None, accuracy=None, status="diverged")
        with pytest.raises(InvalidArgument, match="diverged"):
            trained_model(None, None, None, Recipe(), failed)  # type: ignore[arg-type]
