"""`load_dataset`: digits, and names and paths that are nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidDataset, UnknownName, WrongInput
from presage.training.datasets.kinds import KINDS
from presage.training.datasets.loading import load_dataset


def test_digits_are_the_ones_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    dataset = load_dataset("digits")
    assert dataset.shape == (1, 8, 8)
    assert dataset.classes == tuple("0123456789")
    assert (len(dataset.x_train), len(dataset.x_test)) == (1438, 359)
    assert not dataset.test_given
    theirs = sorted(np.rint(load_digits().images * 255 / 16).astype(np.uint8).reshape(-1, 64).tolist())
    ours = np.concatenate([dataset.x_train, dataset.x_test]).reshape(-1, 64)
    assert sorted(ours.tolist()) == theirs
    assert np.ptp(np.bincount(dataset.y_test)) <= 3


def test_digits_have_one_fingerprint_for_ever() -> None:
    """Experiments in databases refer to it: when this fails, they are lost to users."""
    assert load_dataset("digits").fingerprint == "170feee680c12aa01c4825f13637322d00446ba17ac5c72ebeeecab1363276ed"


@pytest.mark.parametrize(
    ("spec", "near"),
    [
        ("digit", "digits"),
        ("Digits", "digits"),
        ("mnist", "torchvision:MNIST"),
        ("fashionmnist", "torchvision:FashionMNIST"),
        ("cifar-10", "torchvision:CIFAR10"),
        ("flowers.npz", "flower.npz"),
        ("flower", "flower.npz"),
        ("picturs", "pictures"),
        ("./picturs/", "pictures"),
    ],
)
def test_the_nearest_name_is_suggested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str, near: str) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "flower.npz").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(spec)
    assert f"No dataset is named `{spec}`" in str(caught.value)
    assert f"Did you mean `{near}`?" in str(caught.value)


@pytest.mark.parametrize("spec", ["", " ", "zzzz", "/no/such/place.npz", "a\0b", "x" * 5000, "two\nlines", "~nobody/x"])
def test_what_is_nowhere_is_refused_in_one_line(spec: str) -> None:
    with pytest.raises(WrongInput) as caught:
        load_dataset(spec)
    assert str(caught.value).isprintable()
    assert "`torchvision:NAME`" in str(caught.value)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").touch()
    with pytest.raises(InvalidDataset, match=r"photos\.zip` must be a \.npz file.*Got a file ending in `\.zip`"):
        load_dataset(tmp_path / "photos.zip")


def test_an_unknown_torchvision_name_suggests_the_nearest() -> None:
    with pytest.raises(
        UnknownName, match=r"No torchvision dataset is named `FashionMINST`\. Did you mean `FashionMNIST`\?"
    ):
        load_dataset("torchvision:FashionMINST")


def test_reading_imports_nothing_but_torch_numpy_and_pillow() -> None:
    code = (
        "import sys; from presage.training.datasets import folder, loading, npz, splits, torchvision_data;"
        "print([m for m in ('sklearn', 'scipy', 'torchvision', 'pandas', 'tqdm', 'PIL', 'duckdb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_text_means_one_kind_of_dataset_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("pictures", "digits", "x.npz"):
        (tmp_path / folder).mkdir()
    (tmp_path / "a.npz").touch()
    meant = {
        "pictures": ["folder"],
        "./digits": ["folder"],
        "x.npz": ["folder"],
        "a.npz": ["npz"],
        "digits": ["digits"],
        "Torchvision:MNIST": ["torchvision"],
        "torchvision:": ["torchvision"],
        "nothing": [],
    }
    for text, kinds in meant.items():
        assert [name for name, kind in KINDS.items() if kind.meant(text) is not None] == kinds, text


def test_every_kind_has_a_loader_that_takes_the_options_of_load_dataset() -> None:
    for kind in KINDS.values():
        assert list(inspect.signature(kind.load()).parameters)[-3:] == ["skip_corrupt", "on_progress", "cache"]
