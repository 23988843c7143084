from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from presage import files
from presage.errors import InvalidArgument, InvalidDataset, InvalidExperience
from presage.records import DatasetRecord, shard_paths
from presage.training import Campaign, CampaignProgress, ImageDataset, Recipe, load_dataset
from presage.training.campaign import distinct_datasets, main
from presage.training.design import Planned, core

TINY = Recipe(epochs=1, batch=32, image_side=8, train_images=60, validation_images=30, least_epoch_images=64)

EXPERIMENT_FIELDS = {
    *("dataset", "architecture", "recipe", "seed", "status", "accuracy", "test_accuracy", "curve", "train_losses"),
    *("depth_accuracies", "parameters", "multiply_adds", "activation_bytes", "depth", "seconds", "device"),
    *("precision", "versions", "failure", "created_at", "balanced_accuracy", "test_balanced_accuracy", "source"),
}


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory, stripes: ImageDataset) -> list[str]:
    folder = tmp_path_factory.mktemp("datasets")
    found = []
    for name, shift in (("one", 0), ("two", 1)):
        path = folder / f"{name}.npz"
        np.savez(
            path,
            x_train=stripes.x_train[..., 0] + np.uint8(shift),
            y_train=stripes.y_train,
            x_test=stripes.x_test[..., 0],
            y_test=stripes.y_test,
        )
        found.append(str(path))
    return found


def lines(folder: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in shard_paths(folder)
        for line in path.read_bytes().splitlines(True)
        if line[-1:] == b"\n"
    ]


def identities(folder: Path) -> list[tuple[str, str, str, int]]:
    rows = [line["experiment"] for line in lines(folder)]
    return [(row["dataset"], row["architecture"], row["recipe"], row["seed"]) for row in rows]


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, specs: list[str]) -> tuple[Path, list[CampaignProgress]]:
    """A campaign of 2 x 3 experiments, then lengthened to 2 x 4."""
    folder = tmp_path_factory.mktemp("campaign")
    seen: list[CampaignProgress] = []
    first = Campaign(specs, folder, 3, TINY, workers=2).run(seen.append)
    assert (first.total, first.already, first.added, first.refused) == (6, 0, 6, ())
    second = Campaign(specs, folder, 4, TINY).run(seen.append)
    assert (second.total, second.already, second.added) == (8, 6, 2)
    third = Campaign(specs, folder, 4, TINY).run()
    assert (third.already, third.added) == (8, 0)
    return folder, seen


def test_a_longer_campaign_only_adds_and_every_dataset_has_the_core(done: tuple[Path, list[CampaignProgress]]) -> None:
    found = identities(done[0])
    assert len(found) == len(set(found)) == 8
    for fingerprint in {identity[0] for identity in found}:
        assert {i[1] for i in found if i[0] == fingerprint} == {c.architecture.hash for c in core()[:4]}


def test_a_line_holds_the_rows_that_the_database_stores(
    done: tuple[Path, list[CampaignProgress]], specs: list[str]
) -> None:
    line = lines(done[0])[0]
    assert set(line) == {"format", "version", "kind", "dataset", "architecture", "recipe", "experiment"}
    dataset = load_dataset(specs[0])
    assert line["dataset"] == {
        "fingerprint": dataset.fingerprint,
        "name": "one",
        "classes": 3,
        "channels": 1,
        "height": 12,
        "width": 12,
        "train_images": 180,
        "test_images": 60,
        "validation_images": None,
    }
    assert set(line["architecture"]) == {"hash", "json", "space", "params"}
    assert line["recipe"] == {"hash": TINY.hash, "json": TINY.to_json()}
    row = line["experiment"]
    assert set(row) == EXPERIMENT_FIELDS
    assert row["status"] == "finished"
    assert row["curve"] == [row["accuracy"]]
    assert row["device"].endswith("1 threads")


def test_progress_counts_up_and_says_what_is_left(done: tuple[Path, list[CampaignProgress]]) -> None:
    seen = done[1]
    assert [progress.done for progress in seen] == [*range(7), 6, 7, 8]
    assert seen[0].seconds_left is None
    assert seen[6].seconds_left == 0
    assert "seed 0" in seen[1].latest
    assert json.dumps(asdict(seen[1]))


def test_a_result_is_the_same_whichever_process_made_it(
    done: tuple[Path, list[CampaignProgress]], specs: list[str], tmp_path: Path
) -> None:
    Campaign(specs, tmp_path, 4, TINY, workers=1).run()
    curves = [
        {tuple(i): line["experiment"]["train_losses"] for i, line in zip(identities(f), lines(f), strict=True)}
        for f in (done[0], tmp_path)
    ]
    assert curves[0] == curves[1]


def test_any_executor_gives_the_same(
    done: tuple[Path, list[CampaignProgress]], specs: list[str], tmp_path: Path
) -> None:
    with ThreadPoolExecutor(2) as threads:
        Campaign(specs, tmp_path, 2, TINY, workers=2, executor=threads).run()
        assert threads.submit(int).result() == 0  # it is not ended
    before = {tuple(i): line for i, line in zip(identities(done[0]), lines(done[0]), strict=True)}
    found = list(zip(identities(tmp_path), lines(tmp_path), strict=True))
    assert len(found) == 4
    for identity, line in found:
        for name in ("train_losses", "curve", "test_accuracy", "device"):
            assert line["experiment"][name] == before[tuple(identity)]["experiment"][name]


def test_a_design_may_train_each_network_by_a_recipe_of_its_own(specs: list[str], tmp_path: Path) -> None:
    by = [TINY, replace(TINY, image_side=10), replace(TINY, epochs=2)]

    def design(dataset: DatasetRecord) -> Iterator[Planned]:
        assert dataset.train_images == 180
        for position in count():
            yield Planned(position, core()[position // 3], 0, "core", by[position % 3])

    first = Campaign(specs[:1], tmp_path, 3, workers=2, design=design).run()
    known = frozenset({(load_dataset(specs[0]).fingerprint, core()[1].architecture.hash, TINY.hash, 0)})
    second = Campaign(specs[:1], tmp_path, 5, design=design, known=known).run()
    assert (first.added, second.already, second.added) == (3, 4, 1)
    found = {line["recipe"]["hash"]: line for line in lines(tmp_path)[:3]}
    assert set(found) == {recipe.hash for recipe in by}
    assert [len(found[recipe.hash]["experiment"]["curve"]) for recipe in by] == [1, 1, 2]
    multiply_adds = [found[recipe.hash]["experiment"]["multiply_adds"] for recipe in by]
    assert multiply_adds[0] == multiply_adds[2] < multiply_adds[1]
    one_recipe = Campaign(specs[:1], tmp_path / "one", 1, by[1]).run()
    assert one_recipe.added == 1
    curves = [lines(tmp_path / "one")[0]["experiment"]["curve"], found[by[1].hash]["experiment"]["curve"]]
    assert curves[0] == curves[1]


@pytest.mark.slow
def test_a_killed_campaign_loses_no_result_and_doubles_none(specs: list[str], tmp_path: Path) -> None:
    """Kill the parent alone, or a worker and then all of them, at random moments; then finish."""
    recipe = tmp_path / "recipe.json"
    recipe.write_text(json.dumps(replace(TINY, epochs=6).to_json()))
    out = tmp_path / "out"
    arguments = [*specs, "--out", str(out), "--count", "8", "--workers", "2", "--recipe", str(recipe)]
    command = [sys.executable, "-m", "presage.training.campaign", *arguments]
    rng = random.Random(0)
    known: list[tuple[str, str, str, int]] = []
    for way in ("parent", "worker and all"):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
            assert process.stderr is not None
            done = int(process.stderr.readline().partition("/")[0])
            assert done == len(known)
            for _ in range(2):
                process.stderr.readline()
            time.sleep(rng.uniform(0, 0.2))
            if way == "parent":
                process.kill()
                written = 2
            else:
                os.kill(workers_of(process.pid)[0], signal.SIGKILL)
                for _ in range(3):  # its experiment is run again by another
                    assert process.stderr.readline()
                os.killpg(process.pid, signal.SIGKILL)
                written = 5
        found = identities(out)
        assert len(found) >= done + written
        assert set(known) <= set(found)
        assert len(set(found)) == len(found)
        known = found
    finished = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert finished.returncode == 0, finished.stderr
    assert f"{16 - len(known)} added, {len(known)} already there, 0 failed." in finished.stderr
    found = identities(out)
    assert len(found) == len(set(found)) == 16
    assert set(Counter(identity[0] for identity in found).values()) == {8}


def workers_of(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                after_name = (folder / "stat").read_text().rpartition(")")[2].split()
                line = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            if int(after_name[1]) == parent and b"presage.training.worker" in line:
                found.append(int(folder.name))
    return found


def test_wrong_input_is_one_line_and_exit_code_2(
    specs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    for arguments in (
        [str(tmp_path / "nowhere.npz"), "--out", out],
        [specs[0], "--out", out, "--count", "0"],
        [specs[0], "--out", out, "--device", "gpu"],
        [specs[0], "--out", out, "--known", str(tmp_path / "nowhere.json")],
        [specs[0], "--out", out, "--many-recipes", "--staged"],
    ):
        assert main(arguments) == 2
        assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(InvalidDataset):
        Campaign([str(tmp_path / "nowhere.npz")], tmp_path / "out", 1).run()
    with pytest.raises(InvalidArgument, match="workers"):
        Campaign(specs, tmp_path, 1, workers=0)
    with pytest.raises(InvalidArgument, match="image_side"):
        Campaign(specs, tmp_path, 1, replace(TINY, image_side=0))
    with pytest.raises(InvalidArgument, match="datasets"):
        Campaign([], tmp_path, 1)


def test_a_dataset_given_twice_is_trained_on_once(specs: list[str]) -> None:
    assert list(distinct_datasets([specs[0], specs[1], specs[0]])) == specs


def test_a_folder_is_held_by_one_campaign(specs: list[str], tmp_path: Path) -> None:
    refused = pytest.raises(InvalidArgument, match="no other running campaign")
    with files.held(tmp_path / "campaign.lock", ValueError()), refused:
        Campaign(specs, tmp_path, 1, TINY).run()


def test_a_folder_with_a_line_that_is_none_is_refused_by_file_and_line(specs: list[str], tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"format": "else"}\n')
    with pytest.raises(InvalidExperience, match=r"a.jsonl:1: The `format` of `line` must be 'presage-experience'"):
        Campaign(specs, tmp_path, 1, TINY).run()


def test_none_is_begun_that_would_end_after_the_deadline(specs: list[str], tmp_path: Path) -> None:
    late = Campaign(specs[:1], tmp_path / "a", 2, TINY, deadline=time.monotonic() - 1).run()
    assert (late.total, late.added) == (2, 0)
    assert Campaign(specs[:1], tmp_path / "a", 2, TINY, deadline=time.monotonic() + 3600).run().added == 2
