"""Fitted predictors kept by content: never learned twice, and whatever is wrong with one, it is fitted again."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import pytest

from presage.database.paths import default_path
from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors import cache
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.boosted_trees import BoostedTrees
from presage.surrogate.predictors.cache import KEPT, cache_key, fitted, is_kept
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.sealing import own_key
from presage.surrogate.predictors.storage import save_predictor
from presage.surrogate.testing import synthetic_experience


@pytest.fixture(scope="module")
def experience() -> Experience:
    return synthetic_experience(4, 8)


class Counted:
    """Hands out experience and counts how often it was asked."""

    def __init__(self, experience: Experience) -> None:
        self.experience, self.calls = experience, 0

    def __call__(self) -> Experience:
        self.calls += 1
        return self.experience


def test_the_cache_learns_once_from_the_same_content(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    first = fitted(CostOnly(), "content", source, tmp_path)
    again = fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 1
    task = experience.tasks[0]
    values = [predictor.predict(experience.graphs, task).value for predictor in (first, again)]
    np.testing.assert_array_equal(*values)
    fitted(CostOnly(), "other content", source, tmp_path)
    fitted(CostOnly(penalty=2.0), "content", source, tmp_path)
    assert source.calls == 3


DAMAGE: dict[str, Callable[[Path], object]] = {
    "emptied": lambda file: file.write_bytes(b""),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-1]),
    "appended": lambda file: file.write_bytes(file.read_bytes() + b"\n"),
    "changed": lambda file: file.write_bytes(file.read_bytes()[:-1] + bytes([file.read_bytes()[-1] ^ 1])),
    "missing": lambda file: file.unlink(),
    "a pipe": lambda file: (file.unlink(), os.mkfifo(file)),
    "a link": lambda file: (file.rename(file.parent.parent / "aside"), file.symlink_to(file.parent.parent / "aside")),
    "a folder": lambda file: (file.unlink(), file.mkdir()),
}


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *itertools.product(("predictor.json", "text-0.txt", "seal.txt"), DAMAGE),
        ("arrays.safetensors", "cut"),
        ("another", "added"),
    ],
)
def test_what_is_damaged_is_fitted_again_before_anything_of_it_is_parsed(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    predictor, source = BoostedTrees(trees=3, leaves=3, bags=1, folds=2, threads=1), Counted(experience)
    first = fitted(predictor.clone(), "content", source, tmp_path)
    path = tmp_path / cache_key(predictor, "content")
    (path / name).write_bytes(b"1") if damage == "added" else DAMAGE[damage](path / name)
    parsed: list[object] = []
    with monkeypatch.context() as patch:
        spy = SimpleNamespace(dumps=json.dumps, loads=parsed.append)  # of this module only: LightGBM reads JSON too
        patch.setattr("presage.surrogate.predictors.storage.json", spy)
        again = fitted(predictor.clone(), "content", source, tmp_path)
    assert (source.calls, parsed) == (2, [])
    inputs = experience.graphs, experience.tasks[0]
    np.testing.assert_array_equal(again.predict(*inputs).value, first.predict(*inputs).value)
    fitted(predictor.clone(), "content", source, tmp_path)
    assert source.calls == 2


def test_what_another_presage_wrote_is_not_believed(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache that came along with a database: whole, and sealed by somebody else's key or by none."""
    source = Counted(experience)
    with monkeypatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path / "theirs"))
        patch.setenv("LOCALAPPDATA", str(tmp_path / "theirs"))
        patch.setattr("pathlib.Path.home", lambda: tmp_path / "theirs")
        fitted(CostOnly(), "content", source, tmp_path / "cache")
    fitted(CostOnly(), "content", source, tmp_path / "cache")
    assert source.calls == 2
    save_predictor(CostOnly().fit(experience), tmp_path / "cache" / cache_key(CostOnly(), "content"))
    fitted(CostOnly(), "content", source, tmp_path / "cache")
    assert source.calls == 3


def test_a_kept_predictor_does_not_pass_for_another(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    (tmp_path / cache_key(CostOnly(), "content")).rename(tmp_path / cache_key(CostOnly(), "other content"))
    fitted(CostOnly(), "other content", source, tmp_path)
    assert source.calls == 2


def test_where_no_key_can_be_kept_nothing_is_believed_and_nothing_fails(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("pathlib.Path.home", lambda: tmp_path / "file")
    source = Counted(experience)
    for _ in range(2):
        assert hasattr(fitted(CostOnly(), "content", source, tmp_path / "cache"), "interval_")
    assert source.calls == 2


def test_the_key_is_the_users_own_and_stays_the_same() -> None:
    key = own_key()
    assert key is not None
    assert len(key) == 32
    assert own_key() == key
    file = default_path().with_name("seal.key")
    assert os.name == "nt" or file.stat().st_mode & 0o077 == 0


def test_what_an_older_presage_kept_is_fitted_again(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Counted(experience)
    with monkeypatch.context() as patch:
        patch.setattr("presage.surrogate.predictors.storage.VERSION", 2)
        fitted(CostOnly(), "content", source, tmp_path)
    again = fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 2
    assert again.predict(experience.graphs, experience.tasks[0]).value.std() > 0


def test_many_at_once_on_an_empty_cache_fit_once_and_the_others_wait(experience: Experience, tmp_path: Path) -> None:
    source, started, waits = Counted(experience), Event(), list[None]()

    def slow() -> Experience:
        started.set()
        until(lambda: len(waits) == 3)
        return source()

    def one(experience: Callable[[], Experience]) -> Predictor:
        return fitted(CostOnly(), "content", experience, tmp_path, waiting=lambda: waits.append(None))

    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(one, slow)
        assert started.wait(30)
        others = [pool.submit(one, source) for _ in range(3)]
        found = [each.result(timeout=60) for each in (first, *others)]
    assert source.calls == 1
    values = [predictor.predict(experience.graphs, experience.tasks[0]).value for predictor in found]
    for value in values:
        np.testing.assert_array_equal(value, values[0])


def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Waits for something that another thread does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_who_fits_and_is_killed_holds_nobody_up(experience: Experience, tmp_path: Path) -> None:
    script = f"""
import os, sys
from pathlib import Path
from presage.surrogate.predictors.baselines import CostOnly
from presage.surrogate.predictors.cache import fitted
fitted(CostOnly(), "content", lambda: (print("begun", flush=True), os.kill(os.getpid(), 9)), Path({str(tmp_path)!r}))
"""
    killed = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert killed.stdout.strip() == "begun"
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 1


def test_what_is_shipped_is_used_without_a_fit_unless_it_is_damaged(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = cache_key(CostOnly(), "content")
    shipped = tmp_path / "package" / name
    save_predictor(CostOnly().fit(experience), shipped, name.encode())
    monkeypatch.setattr(cache, "shipped", lambda: tmp_path / "package")
    source = Counted(experience)
    assert is_kept(CostOnly(), "content", tmp_path / "own")
    assert not is_kept(CostOnly(), "other", tmp_path / "own")
    fitted(CostOnly(), "content", source, tmp_path / "own")
    assert source.calls == 0
    assert not (tmp_path / "own").exists()
    (shipped / "arrays.safetensors").write_bytes(b"")
    fitted(CostOnly(), "content", source, tmp_path / "own")
    assert source.calls == 1
    assert (shipped / "arrays.safetensors").exists()


def test_a_full_disk_costs_only_the_cache(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    made = fitted(CostOnly(), "content", Counted(experience), tmp_path)
    assert isinstance(made, Predictor)
    assert list(tmp_path.glob("*")) == [tmp_path / ".fitting.lock"]


def test_without_a_folder_nothing_is_kept(experience: Experience) -> None:
    assert hasattr(fitted(CostOnly(), "content", lambda: experience, None), "interval_")


def test_the_longest_unused_are_removed(experience: Experience, tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        fitted(DatasetMean(), str(number), lambda: experience, tmp_path)
    assert len(list(tmp_path.glob("dataset-mean-*"))) == KEPT
