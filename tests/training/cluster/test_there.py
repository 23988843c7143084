from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from presage.training import DeviceData, Recipe
from presage.training.cluster import there
from presage.training.cluster.board import NoticeBoard
from presage.training.cluster.parcels import packed
from presage.training.cluster.there import done_there
from presage.training.job import TrainingJob, result_from, run_job
from presage.training.shared_data import save_shared
from tests.training.test_side_by_side import networks, numbers


@pytest.fixture
def job(data: DeviceData, brief: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingJob:
    """Whose places are on another machine: nothing is at them."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setattr(there, "_TELL_SECONDS", 0.02)
    monkeypatch.setattr(there, "CHECKPOINT_SECONDS", 0.0)
    save_shared(data, tmp_path / "data")
    file = tmp_path / "here" / "checkpoint.pt"
    return TrainingJob(networks(1)[0], replace(brief, epochs=12), 3, tmp_path / "data", "cpu", file, True, True)


def sent(job: TrainingJob, checkpoint: Any = None, tell: Any = lambda epochs, checkpoint: True) -> tuple[Any, Any]:
    parcels = {"data": packed(job.data, lambda content: content)}
    return done_there(run_job, job.to_json(), parcels, checkpoint, lambda content: content, tell)


def test_a_training_is_done_without_the_disk_of_whoever_asks(job: TrainingJob, tmp_path: Path) -> None:
    seen: list[str] = []
    parcels = {"data": packed(job.data, lambda content: content)}
    shutil.rmtree(job.data)

    def tell(epochs: str, checkpoint: Any) -> bool:
        seen.append(epochs)
        return True

    answer, checkpoint = done_there(run_job, job.to_json(), parcels, None, lambda content: content, tell)
    assert not job.checkpoint.parent.exists()
    assert len(result_from(answer).records) == 12
    assert checkpoint is not None
    assert len(checkpoint) > 1000
    assert seen == sorted(seen, key=len)
    assert not [path for path in (tmp_path / "tmp").iterdir() if path.name.startswith("presage-") and path.is_file()]


def test_it_goes_on_from_a_checkpoint_with_the_same_result(job: TrainingJob) -> None:
    whole, _ = sent(job)
    board = NoticeBoard()

    def stopped(epochs: str, checkpoint: Any) -> bool:
        board.tell("it", epochs, checkpoint)
        return checkpoint is None

    cut, _ = sent(job, tell=stopped)
    done = len(result_from(cut).records)
    latest = board.checkpoint("it")
    assert latest is not None
    resumed, _ = sent(job, latest)
    assert result_from(cut).status == "pruned"
    assert done < 12
    assert numbers(result_from(resumed)) == numbers(result_from(whole))


def test_a_board_tells_what_is_new_once_and_forgets_what_is_done() -> None:
    board = NoticeBoard()
    assert board.tell("one", "1\n", None)
    assert {name: news.epochs for name, news in board.news([], []).items()} == {"one": "1\n"}
    assert board.news(["one"], []) == {}
    assert not board.tell("one", "1\n2\n", None)
    assert board.tell("two", "", None)
    assert set(board.news([], [])) == {"one", "two"}
    board.news([], ["one"])
    assert board.checkpoint("one") is None
    assert board.tell("one", "", None)
