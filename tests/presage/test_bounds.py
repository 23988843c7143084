"""What is too much, or no plain file, is refused by a rule that the line says, before it is opened or fills memory."""

from __future__ import annotations

import io
import os
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from presage.architecture.spaces import get_space
from presage.database import Database
from presage.errors import InvalidArgument, InvalidDataset, InvalidModel, PresageError, WrongInput
from presage.reading import read_bytes
from presage.records import shards
from presage.search import SearchSettings
from presage.training.datasets import npz
from presage.training.datasets.loading import load_dataset
from presage.training.recipe import Recipe


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a pipe of a name: opening it for reading would never end."""

    def made(name: str) -> Path:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(tmp_path / name)
        return tmp_path / name

    return made


def test_pipes_and_devices_are_refused_unopened(presage: Callable, pipe: Callable, tmp_path: Path) -> None:
    base = ("--database", tmp_path / "x.duckdb")
    for words in (
        ("database", "info", "--database", pipe("d.duckdb")),
        ("database", "info", "--database", "/dev/zero"),
        ("database", "check", "--database", pipe("c.duckdb")),
        ("database", "import", pipe("shards/a.jsonl").parent, *base),
        ("database", "import", pipe("table.csv"), *base),
        ("database", "import", pipe("other.duckdb"), *base),
        ("database", "import", "/dev/zero", *base),
        ("predict", "digits", pipe("net.json"), *base),
        ("predict", pipe("d.npz"), pipe("net2.json"), *base),
        ("predict", "digits", "/dev/zero", *base),
        ("sample", "nb201", "-n", "1000000000"),
        ("sample", "nb201:cells=99999999"),
        ("sample", "enas_macro:width=99999999999"),
        ("evaluate", "--families", pipe("families.json"), *base),
        ("report", pipe("run/result.json").parent),
        ("probe", "digits", "--seeds", "1000000000", *base),
        ("populate", "digits", "--workers", "100000", *base),
    ):
        outcome = presage(*words)
        lines = [line for line in outcome.err.splitlines() if line.startswith("presage: ")]
        assert outcome.code == 2, (words, outcome)
        assert len(lines) == 1, (words, outcome)


def test_a_pipe_among_the_files_of_a_model_is_refused(pipe: Callable, tmp_path: Path) -> None:
    from presage.training.model.folder import load_model

    pipe("model/architecture.json")
    with pytest.raises(InvalidModel, match="has no file"):
        load_model(tmp_path / "model")


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"candidates": 10**9}, "`candidates` of `run_search` must be at most 1,000,000"),
        ({"latency_batch": 10**8}, "`latency_batch` of `run_search` must be at most 65,536"),
        ({"shortlist": 10**6, "candidates": 10**6}, "`shortlist` of `run_search` must be at most 10,000"),
    ],
)
def test_a_search_of_absurd_size_is_refused(changed: dict[str, int], rule: str) -> None:
    with pytest.raises(InvalidArgument, match=rule):
        SearchSettings(**changed)


def test_a_recipe_of_absurd_numbers_is_refused() -> None:
    for name in ("epochs", "batch", "train_images", "learning_rate"):
        with pytest.raises(InvalidArgument, match=r"at most 2,147,483,647|positive number"):
            Recipe.from_json({name: int("9" * 30) if name != "learning_rate" else 10**400})
    with pytest.raises(InvalidArgument, match="between 1 and 1000"):
        get_space("nb201:cells=1001")


def test_a_file_is_read_up_to_its_bound(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x", 5) == b"12345"
    with pytest.raises(WrongInput, match=r"must have at most 4 bytes to be read\. It has 5"):
        read_bytes(tmp_path / "x", 4)
    with (tmp_path / "sparse.json").open("wb") as file:
        file.truncate(6 << 30)
    with pytest.raises(WrongInput, match="must have at most 268,435,456 bytes"):
        read_bytes(tmp_path / "sparse.json")


def test_a_line_without_end_is_one_refused_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "MOST_LINE", 1000)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"[" * 100_000 + b"\n" + b"{}\n")
    with Database.open(tmp_path / "x.duckdb") as database:
        report = database.import_shards([path])
    assert [str(one).partition(": ")[0] for one in report.refused] == [f"{path}:1", f"{path}:2"]
    assert "at most 1,000 bytes" in str(report.refused[0])


def test_a_long_line_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.truncate(600 << 20)  # 600 MiB of nulls, without a line feed
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Database.open(tmp_path / "x.duckdb") as database:
        report = database.import_shards([path])
    assert len(report.refused) + len(report.notes) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300 << 10


def test_an_archive_that_unpacks_to_more_than_there_is_room_for_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|u1", "fortran_order": False, "shape": (10**6, 64, 64, 3)})
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", header.getvalue() + bytes(1000))
        labels = io.BytesIO()
        np.save(labels, np.zeros(10**6, np.int64))
        archive.writestr("y_train.npy", labels.getvalue())
    monkeypatch.setattr(npz, "free_memory", lambda: 4 << 30)
    with pytest.raises(InvalidDataset, match="unpack to at most 2,147,483,648 bytes, half of the memory that is free"):
        load_dataset(str(tmp_path / "bomb.npz"))


@pytest.mark.parametrize("depth", [1_000, 100_000])
def test_deep_json_is_refused_everywhere(tmp_path: Path, depth: int) -> None:
    from presage.architectures import read_architectures
    from presage.recipes import chosen_recipe

    path = tmp_path / "deep.json"
    path.write_text('{"a":' + "[" * depth + "]" * depth + "}", encoding="utf-8")
    for read in (
        lambda: read_architectures([str(path)]),
        lambda: chosen_recipe(str(path), "--recipe", "predict"),
    ):
        with pytest.raises(PresageError):
            read()
