"""Fitted predictors kept by content: never learned twice, and whatever is wrong with one, it is fitted again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from presage.surrogate.data.experience import Experience
from presage.surrogate.predictors import cache
from presage.surrogate.predictors.baselines import CostOnly, DatasetMean
from presage.surrogate.predictors.cache import KEPT, cache_key, fitted
from presage.surrogate.predictors.predictor import Predictor
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


def test_a_damaged_cache_is_fitted_again(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    path = tmp_path / cache_key(CostOnly(), "content")
    (path / "arrays.safetensors").write_bytes(b"\x00" * 100)
    fitted(CostOnly(), "content", source, tmp_path)
    fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 2


def test_what_an_older_presage_kept_is_fitted_again(experience: Experience, tmp_path: Path) -> None:
    source = Counted(experience)
    fitted(CostOnly(), "content", source, tmp_path)
    header = tmp_path / cache_key(CostOnly(), "content") / "predictor.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "version": 1}))
    again = fitted(CostOnly(), "content", source, tmp_path)
    assert source.calls == 2
    assert again.predict(experience.graphs, experience.tasks[0]).value.std() > 0


def test_every_module_that_learns_or_encodes_counts_in_the_name_of_what_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed file in a folder of a folder is other code: what was fitted by the old one is not read."""
    deepest = ("architecture/canonical/form.py", "surrogate/data/logit.py", "surrogate/predictors/more/deeper.py")
    for name in (*deepest, "surrogate/notes.txt", "training/loop.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    monkeypatch.setattr(cache.resources, "files", lambda package: tmp_path / package.removeprefix("presage."))
    before = cache.code_version.__wrapped__()
    for name in deepest:
        (tmp_path / name).write_text("2")
        after = cache.code_version.__wrapped__()
        assert after != before, name
        before = after
    for name in ("surrogate/notes.txt", "training/loop.py"):
        (tmp_path / name).write_text("2")
        assert cache.code_version.__wrapped__() == before


def test_a_full_disk_costs_only_the_cache(
    experience: Experience, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    made = fitted(CostOnly(), "content", Counted(experience), tmp_path)
    assert isinstance(made, Predictor)
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_nothing_is_kept(experience: Experience) -> None:
    assert hasattr(fitted(CostOnly(), "content", lambda: experience, None), "interval_")


def test_the_longest_unused_are_removed(experience: Experience, tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        fitted(DatasetMean(), str(number), lambda: experience, tmp_path)
    assert len(list(tmp_path.iterdir())) == KEPT
