"""Run folders that a kill, a disk or somebody else has changed: one error of presage's, and nothing is lost or left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presage.errors import WrongInput
from presage.report import write_report
from presage.search.result import SearchResult
from presage.search.run.engine import run_search
from presage.search.run.run_folder import RunFolder
from presage.search.settings import SearchSettings
from presage.search.testing import TableScorer, TableTrainer, TinySpace
from presage.training.datasets.image_dataset import ImageDataset
from presage.training.recipe import Recipe

SPACE = TinySpace(layers=2)
RECIPE = Recipe(epochs=2, train_images=40, validation_images=20, least_epoch_images=1, image_side=8)


def search(dataset: ImageDataset, folder: Path) -> SearchResult:
    return run_search(
        dataset,
        space=SPACE,
        recipe=RECIPE,
        settings=SearchSettings(candidates=60, shortlist=2, batch=20, compare_random=1),
        scorer=lambda number, verified: TableScorer(),
        run_folder=folder,
        trainer=TableTrainer(RECIPE.epochs),
    )


@pytest.fixture(scope="module")
def whole_run(dataset: ImageDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "run"
    search(dataset, folder)
    return folder


@pytest.fixture
def run(whole_run: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole_run, tmp_path / "run")
    return tmp_path / "run"


def changed(path: Path, change: Callable[[Any], object]) -> None:
    value = json.loads(path.read_text(encoding="utf-8"))
    change(value)
    path.write_text(json.dumps(value), encoding="utf-8")


def lines(path: Path, change: Callable[[list[bytes]], list[bytes]]) -> None:
    path.write_bytes(b"".join(change(path.read_bytes().splitlines(keepends=True))))


@pytest.mark.parametrize("lost", ["all", "last", "file"])
def test_a_journal_that_is_shorter_than_it_was_overwrites_no_result(
    dataset: ImageDataset, run: Path, lost: str
) -> None:
    before = (run / "result.json").read_bytes()
    journal = RunFolder(run).journal
    match lost:
        case "all":
            journal.write_bytes(b"")
        case "last":
            study = b'"study_id":0,'
            lines(journal, lambda all_: [one for at, one in enumerate(all_) if at < 30 or study not in one])
        case "file":
            journal.unlink()
    with pytest.raises(WrongInput, match=r"is damaged: it holds \d+ candidates of round 1, of 60 that were recorded"):
        search(dataset, run)
    assert (run / "result.json").read_bytes() == before
    with pytest.raises(WrongInput, match=r"candidates of round 1|hold a run"):
        write_report(run, SPACE)


def test_a_short_list_of_an_earlier_version_tells_the_least_by_its_trials(dataset: ImageDataset, run: Path) -> None:
    changed(run / "round-1" / "shortlist.json", lambda value: value.pop("candidates"))
    again = search(dataset, run)
    assert again.rounds[0].candidates == 60
    RunFolder(run).journal.write_bytes(b"")
    with pytest.raises(WrongInput, match="it holds 0 candidates"):
        search(dataset, run)


@pytest.mark.parametrize(
    "change",
    [
        lambda all_: [*all_[:20], all_[20][:40] + b"\n", *all_[21:]],
        lambda all_: [*all_[:20], b"\n", *all_[20:]],
        lambda all_: [*all_[:5], b"[" * 100_000 + b"\n", *all_[5:]],
        lambda all_: [*all_[:5], b'{"op_code":4}\n', *all_[5:]],
        lambda all_: [*all_[:5], bytes(range(256)), b"\n", *all_[5:]],
    ],
    ids=["torn in the middle", "blank", "deep", "incomplete", "bytes"],
)
def test_a_damaged_journal_is_said_to_be(
    dataset: ImageDataset, run: Path, change: Callable[[list[bytes]], list[bytes]]
) -> None:
    before = (run / "result.json").read_bytes()
    lines(RunFolder(run).journal, change)
    with pytest.raises(WrongInput, match=r"journal\.log is damaged"):
        search(dataset, run)
    assert (run / "result.json").read_bytes() == before


def test_a_hash_leads_nowhere_else(dataset: ImageDataset, run: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    for name in (str(outside), "../../outside", "..", "", "a/b", "ABC"):
        changed(run / "round-1" / "shortlist.json", lambda value, name=name: value["chosen"][0].update(hash=name))
        with pytest.raises(WrongInput, match="a hash must be hexadecimal digits"):
            search(dataset, run)
        for path in (RunFolder(run).network, lambda digest: RunFolder(run).final("ab", digest)):
            with pytest.raises(WrongInput, match="a hash must be hexadecimal digits"):
                path(name)
    assert not outside.exists()


FILES = ["run.json", "baseline.json", "round-1/shortlist.json", "networks/*/experiment.json"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"null", b"1e400", b'"x"', b"[" * 100_000, b"{}", b"\xff\xfe\x00"]
)
def test_every_file_ends_in_an_error_of_presage(dataset: ImageDataset, run: Path, name: str, content: bytes) -> None:
    (run / "result.json").unlink()
    next(run.glob(name)).write_bytes(content)
    with pytest.raises(WrongInput, match=str(run)):
        search(dataset, run)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"format": "presage-search", "version": 1}', b"[" * 100_000])
def test_a_report_of_a_damaged_result_is_refused(run: Path, content: bytes) -> None:
    (run / "result.json").write_bytes(content)
    with pytest.raises(WrongInput, match=str(run)):
        write_report(run, SPACE)


@pytest.mark.parametrize(
    ("field", "value"), [("accuracy", "0.9"), ("accuracy", True), ("curve", [1, "2"]), ("seconds", None), ("status", 3)]
)
def test_values_of_other_types_are_no_result(run: Path, field: str, value: object) -> None:
    changed(run / "result.json", lambda result: result["rounds"][0]["verified"][0].update({field: value}))
    with pytest.raises(WrongInput, match=f"`{field}` of a Verified cannot be"):
        write_report(run, SPACE)


def test_a_folder_where_a_file_is_expected_is_refused_before_it_is_opened(dataset: ImageDataset, run: Path) -> None:
    (run / "baseline.json").unlink()
    (run / "baseline.json").mkdir()
    with pytest.raises(WrongInput, match=r"must be a plain file\. It is a folder"):
        search(dataset, run)
