"""The probe ladder: which rungs a dataset allows, what each is trained with, and how they are recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from presage.errors import InvalidArgument, InvalidExperience
from presage.probe import PROBE_RECIPE, RUNGS, Rung, climb, ladder, run, run_probe, rung_entry
from presage.probe.__main__ import main
from presage.probe.ladder import rung_recipe
from presage.records import entry_from_json, entry_to_json
from presage.records.testing import dataset_record
from presage.training import EpochRecord, ImageDataset
from presage.vetting import check_entry

Maker = Callable[..., ImageDataset]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short probe: what is tested here does not depend on how well it learns."""
    quick = replace(PROBE_RECIPE, least_epoch_images=64, train_images=64, epochs=2, validation_images=40)
    monkeypatch.setattr(ladder, "PROBE_RECIPE", quick)
    monkeypatch.setattr(run, "PROBE_RECIPE", quick)


def test_each_rung_is_the_probe_with_one_thing_changed() -> None:
    dataset = dataset_record(train_images=50_000, height=32, width=32)
    recipes = [rung_recipe(rung, dataset) for rung in RUNGS]
    assert recipes == [
        replace(PROBE_RECIPE, train_images=1000),
        replace(PROBE_RECIPE, train_images=4000),
        replace(PROBE_RECIPE, image_side=8),
        replace(PROBE_RECIPE, image_side=32),
        replace(PROBE_RECIPE, epochs=30),
    ]


def test_a_dataset_without_more_images_or_pixels_has_no_such_rung() -> None:
    small = dataset_record(train_images=1000, height=16, width=12)  # 800 to train on
    allowed = {rung.name: recipe for rung in RUNGS if (recipe := rung_recipe(rung, small))}
    assert list(allowed) == ["half-images", "half-side", "thrice-epochs"]
    assert allowed["half-images"].train_images == 400  # half of what there is, not of the cap
    many_classes = dataset_record(train_images=120, classes=60, height=32, width=32)
    assert rung_recipe(RUNGS[0], many_classes) is None  # half of 60 images cannot show each class


def test_the_ladder_is_climbed_rung_by_rung_and_goes_on_where_it_was(patterns: Maker, short: None) -> None:
    dataset = patterns(side=20)
    seen: list[tuple[str, int]] = []

    def tell(rung: Rung, record: EpochRecord) -> None:
        seen.append((rung.name, record.epoch))

    runs = {run.rung.name: run for run in climb(dataset, seed=1, device="cpu", on_epoch=tell)}
    assert list(runs) == ["half-images", "twice-images", "half-side", "twice-side", "thrice-epochs"]
    assert [runs[name].trained_with["train_images"] for name in runs] == [32, 128, 64, 64, 64]
    assert [runs[name].trained_with["image_side"] for name in runs] == [16, 16, 8, 32, 16]
    assert [len(runs[name].curve) for name in runs] == [2, 2, 2, 2, 6]
    assert all(run.accuracy == max(run.curve) and run.seconds > 0 for run in runs.values())
    assert seen[:4] == [("half-images", 0), ("half-images", 1), ("twice-images", 0), ("twice-images", 1)]
    again = list(climb(dataset, seed=1, device="cpu", done=[*runs][1:]))
    assert [(run.rung.name, run.curve) for run in again] == [("half-images", runs["half-images"].curve)]
    with pytest.raises(InvalidArgument, match="`seed` of `climb` must be at least 0"):
        next(climb(dataset, seed=-1, device="cpu"))


def test_a_rung_is_recorded_as_a_probe_of_a_version_of_its_own(patterns: Maker, short: None) -> None:
    dataset = patterns()
    found = next(climb(dataset, device="cpu"))
    entry = rung_entry(found, dataset)
    assert (entry.probe.version, entry.probe.rung, entry.probe.seed) == ("1/half-images", "half-images", 0)
    assert entry.probe.dcn == pytest.approx(found.accuracy, abs=1e-6)
    assert entry.probe.description == {"train_images": 32.0, "image_side": 16.0, "epochs": 2.0}
    assert entry_from_json(entry_to_json(entry)) == entry
    check_entry(entry)
    forged = replace(entry, probe=replace(entry.probe, dcn=0.125, curve=(0.5, 0.25)))
    with pytest.raises(InvalidExperience, match=r"`dcn` of `probe` must be the peak of its curve, 0\.5"):
        check_entry(forged)
    with pytest.raises(InvalidExperience):
        rung_entry(found, patterns(seed=1))


def test_the_command_adds_the_rungs_that_are_missing(
    patterns: Maker, short: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset, out = patterns(n=200), tmp_path / "shards"
    np.savez(tmp_path / "patterns.npz", x_train=dataset.x_train, y_train=dataset.y_train)
    arguments = [str(tmp_path / "patterns.npz"), "--out", str(out), "--seeds", "1", "--device", "cpu"]
    assert main([*arguments, "--ladder"]) == 0
    assert "patterns, thrice-epochs: " in capsys.readouterr().err
    (shard,) = out.glob("*.jsonl")
    lines = shard.read_text().splitlines(keepends=True)
    assert len(lines) == 1 + 4  # the images are 16 pixels wide: none for twice the side
    shard.write_text("".join(lines[:3]))
    assert main([*arguments, "--ladder"]) == 0
    assert [line.partition('"version": "')[2].partition('"')[0] for line in lines][1:3] == [
        "1/half-images",
        "1/twice-images",
    ]
    assert len(shard.read_text().splitlines()) == len(lines)


def test_half_the_images_teach_a_net_less(patterns: Maker) -> None:
    dataset = patterns(n=1200, noise=150.0)
    (half,) = climb(dataset, device="cpu", done=[rung.name for rung in RUNGS if rung.name != "half-images"])
    assert half.accuracy < run_probe(dataset, device="cpu").dcn
