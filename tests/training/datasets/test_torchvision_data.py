"""`torchvision:NAME` from files written here in torchvision's own formats."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from presage.errors import InvalidDataset
from presage.training.datasets.loading import load_dataset
from presage.training.datasets.torchvision_data import KNOWN


def _idx(path: Path, array: np.ndarray) -> None:  # type: ignore[type-arg]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes())


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PRESAGE_TORCHVISION_ROOT", str(tmp_path))
    return tmp_path


def _mnist(root: Path, n_train: int = 40, n_test: int = 10) -> np.ndarray:  # type: ignore[type-arg]
    x = np.random.default_rng(0).integers(0, 256, (n_train + n_test, 28, 28), dtype=np.uint8)
    y = (np.arange(n_train + n_test) % 10).astype(np.uint8)
    raw = root / "MNIST" / "raw"
    for part, rows in (("train", slice(n_train)), ("t10k", slice(n_train, None))):
        _idx(raw / f"{part}-images-idx3-ubyte", x[rows])
        _idx(raw / f"{part}-labels-idx1-ubyte", y[rows])
    return x


@pytest.mark.parametrize("spec", ["torchvision:MNIST", "torchvision:mnist", "Torchvision:MNIST"])
def test_mnist_from_disk(disk: Path, spec: str) -> None:
    x = _mnist(disk)
    dataset = load_dataset(spec)
    assert dataset.name == "torchvision:MNIST"
    assert dataset.shape == (1, 28, 28)
    assert dataset.classes[3] == "3 - three"
    assert dataset.test_given
    np.testing.assert_array_equal(dataset.x_train[..., 0], x[:40])
    np.testing.assert_array_equal(dataset.x_test[..., 0], x[40:])
    assert dataset.y_train.tolist() == [i % 10 for i in range(40)]


def _eurosat(root: Path) -> Path:
    for name, level in (("Forest", 20), ("River", 200)):
        for i in range(5):
            path = root / "eurosat" / "2750" / name / f"{i}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (100, 80), (level, 0, i)).save(path)
    return root / "eurosat" / "2750"


def test_a_set_without_a_test_part_gets_one(disk: Path) -> None:
    _eurosat(disk)
    seen: list[tuple[int, int]] = []
    dataset = load_dataset("torchvision:EuroSAT", on_progress=lambda done, of: seen.append((done, of)))
    assert dataset.shape == (3, 64, 64)
    assert dataset.classes == ("Forest", "River")
    assert not dataset.test_given
    assert len(dataset.x_test) == 2
    assert (dataset.x_train[dataset.y_train == 1][..., 0] == 200).all()
    assert seen == [(10, 10)]


def test_what_torchvision_has_to_validate_on_is_validated_on(disk: Path) -> None:
    for part, number in (("train", 3), ("valid", 2), ("test", 1)):
        for name in ("negative", "positive"):
            folder = disk / "rendered-sst2" / part / name
            folder.mkdir(parents=True)
            for i in range(number):
                Image.new("RGB", (30, 30), (10 * number, 0, i)).save(folder / f"{i}.png")
    dataset = load_dataset("torchvision:RenderedSST2")
    assert (len(dataset.x_train), len(dataset.x_test)) == (10, 2)
    assert dataset.validation is not None
    assert dataset.x_train[dataset.validation, 0, 0, 0].tolist() == [20] * 4
    assert any("validated on the 4 images" in line for line in dataset.warnings)


def test_a_corrupt_image_is_named_and_skipped_on_request(disk: Path) -> None:
    (_eurosat(disk) / "River" / "1.png").write_bytes(b"no")
    with pytest.raises(InvalidDataset, match=r"`torchvision:EuroSAT` must all be readable\. Got `image 6`"):
        load_dataset("torchvision:EuroSAT")
    dataset = load_dataset("torchvision:EuroSAT", skip_corrupt=True)
    assert len(dataset.x_train) + len(dataset.x_test) == 9
    assert "`image 6`" in dataset.warnings[0]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_what_is_not_on_disk_is_refused_and_never_downloaded(
    disk: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: pytest.fail("downloaded"))
    with pytest.raises(InvalidDataset) as caught:
        load_dataset(f"torchvision:{name}")
    line = str(caught.value)
    assert line.startswith(f"The `files` of `torchvision:{name}` must be on disk, whole, under `{disk}`. Got ")
    assert "presage never downloads" in line
    assert "TypeError" not in line  # a wrong option of ours
    assert "Unknown value" not in line
    assert line.isprintable()


def test_a_damaged_file_is_refused(disk: Path) -> None:
    _mnist(disk)
    images = disk / "MNIST" / "raw" / "train-images-idx3-ubyte"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(InvalidDataset, match="must be on disk, whole"):
        load_dataset("torchvision:MNIST")


def test_the_root_is_data_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PRESAGE_TORCHVISION_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    _mnist(tmp_path / "data")
    assert len(load_dataset("torchvision:MNIST").x_train) == 40
