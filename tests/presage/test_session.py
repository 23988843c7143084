"""The steps behind the commands, on a tiny dataset and made-up experience: everything real but the numbers known."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import presage as door
from presage.architecture.graph import Architecture, Node
from presage.architecture.operations import Classifier, Convolution, Flatten, Input
from presage.architecture.serial import dumps
from presage.database import Database, learned
from presage.records.testing import probe_entry
from presage.report import write_report
from presage.training import load_dataset
from presage.training.model.folder import load_model

FAST = ("--epochs", 1, "--train-images", 40, "--predictor", "cost-only", "--quiet")


def test_probe_prints_the_card_and_stores_the_dcn(presage: Callable, shapes_npz: Path, experienced: Path) -> None:
    outcome = presage("probe", shapes_npz, "--seeds", 1, "--database", experienced, "--quiet")
    assert outcome.code == 0
    assert outcome.out.startswith("shapes: DCN ")
    assert outcome.err == ""
    with Database.open(experienced) as database:
        (fingerprint,) = [record.fingerprint for record in database.datasets() if record.name == "shapes"]
        stored, rung = sorted(database.probes(dataset=fingerprint), key=lambda run: run.version)
    assert f"{stored.dcn:.3f}" in outcome.out
    assert rung.rung == "half-images"
    assert "  more brings    twice the images 0 points (" in outcome.out  # there is nothing left to gain
    assert "px for" not in outcome.out  # images of 8 pixels do not grow by enlarging them
    assert "made-up" in outcome.out  # the nearest known datasets
    assert "16 px, up to 2,000 images, 10 epochs" in outcome.out


def test_a_probe_that_is_stored_with_other_digits_stands(
    presage: Callable, shapes_npz: Path, experienced: Path
) -> None:
    from presage.probe import PROBE_VERSION
    from presage.training import load_dataset
    from presage.training.recording import dataset_record

    record = dataset_record(load_dataset(str(shapes_npz)))
    with Database.open(experienced) as database:  # as another processor, or a GPU, might have found it
        database.add_probe(probe_entry(record, seed=0, version=PROBE_VERSION, dcn=0.123))
    assert presage("probe", shapes_npz, "--seeds", 2, "--database", experienced, "--quiet").code == 0
    with Database.open(experienced) as database:
        runs = database.probes(dataset=record.fingerprint, version=PROBE_VERSION)
    stored = {run.seed: run.dcn for run in runs}
    assert stored[0] == 0.123
    assert set(stored) == {0, 1}


def test_what_was_trained_before_is_not_trained_again(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 1).out)
    words = ("train", shapes_npz, file, "--epochs", 1, "--train-images", 40, "--database", experienced, "--quiet")
    words += ("--out", tmp_path / "models")
    (first,) = presage(*words, "--json").json["trained"]
    (again,) = presage(*words, "--json").json["trained"]
    assert (first["reused"], again["reused"]) == (False, True)
    assert again == {**first, "reused": True}
    assert "(known already)" in presage(*words).out
    (other,) = presage(*words, "--seed", 1, "--json").json["trained"]
    assert not other["reused"]
    assert other["model"] != first["model"]


def test_a_trained_network_is_left_as_a_model_that_classifies(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 1).out)
    words = ("train", shapes_npz, file, "--epochs", 2, "--train-images", 40, "--database", experienced, "--quiet")
    models = tmp_path / "models"
    (row,) = presage(*words, "--out", models, "--json").json["trained"]
    model = load_model(row["model"])
    dataset = load_dataset(str(shapes_npz))
    right = np.array(model.predict(dataset.x_test)) == np.array(dataset.classes)[dataset.y_test]
    assert right.mean() == pytest.approx(row["test_accuracy"], abs=1e-6)
    assert model.accuracy == pytest.approx(row["accuracy"], abs=1e-6)

    # weights that are gone are trained again; the database keeps the experiment it has
    shutil.rmtree(models)
    (again,) = presage(*words, "--out", models, "--json").json["trained"]
    assert (again["reused"], again["accuracy"]) == (False, row["accuracy"])
    assert load_model(again["model"]).predict(dataset.x_test) == model.predict(dataset.x_test)


def test_a_model_folder_that_cannot_be_made_is_refused_before_training(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("presage.training.fit", lambda *_, **__: pytest.fail("trained"))
    file = tmp_path / "one.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 1).out)
    (tmp_path / "taken").write_text("a file")
    outcome = presage("train", shapes_npz, file, "--database", experienced, "--out", tmp_path / "taken" / "models")
    assert outcome.code == 2
    assert "--out" in outcome.err


def test_a_run_folder_of_another_dataset_is_left_as_it_is(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    card = '{"fingerprint": "of another dataset", "name": "other", "text": ""}'
    (tmp_path / "card.json").write_text(card)
    outcome = presage("search", shapes_npz, "--run", tmp_path, "--database", experienced, *FAST)
    assert outcome.code == 2
    assert "`other`" in outcome.err
    assert (tmp_path / "card.json").read_text() == card


def test_paths_to_import_are_all_there_before_any_is_taken_in(
    presage: Callable, experienced: Path, tmp_path: Path
) -> None:
    assert presage("database", "export", tmp_path / "parquet", "--database", experienced).code == 0
    fresh = tmp_path / "fresh.duckdb"
    with Database.open(fresh, from_seed=False):
        pass
    outcome = presage("database", "import", tmp_path / "parquet", tmp_path / "missing", "--database", fresh)
    assert outcome.code == 2
    assert presage("database", "info", "--database", fresh, "--json").json["rows"]["experiments"] == 0


def test_predict_gives_a_value_within_its_interval_and_shows_what_is_known(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learned, "SMALL", 40)  # fits are to 40 experiments, or 60
    monkeypatch.setattr(learned, "GROWTH", 2)
    file = tmp_path / "some.jsonl"
    file.write_text(presage("sample", "nb201", "-n", 4).out)
    words = (shapes_npz, file, "--predictor", "cost-only", "--database", experienced, "--quiet")
    rows = presage("predict", *words, "--json").json["predictions"]
    assert len(rows) == 4
    for row in rows:
        assert 0 <= row["lower"] <= row["accuracy"] <= row["upper"] <= 1
        assert row["level"] == 0.9
        assert row["trained"] is None

    train_words = (shapes_npz, file, "--out", tmp_path / "models", "--database", experienced, "--quiet")
    answer = presage("train", *train_words, "--json").json
    trained, by = answer["trained"], "16 px, 96 images, 12 epochs"
    assert (answer["recipe_words"], {row["recipe_words"] for row in (*rows, *trained)}) == (by, {by})
    for command, given in (("predict", words), ("train", train_words)):
        assert f"Recipe: {by}." in presage(command, *given).out
    again = presage("predict", *words, "--json").json["predictions"]
    assert [row["trained"] for row in again] == pytest.approx([row["accuracy"] for row in trained], abs=1e-6)

    for before, after in zip(rows, again, strict=True):  # what was trained corrects the prediction
        assert abs(after["accuracy"] - after["trained"]) < abs(before["accuracy"] - after["trained"]) + 0.02
    assert [row["accuracy"] for row in again] != [row["accuracy"] for row in rows]
    cache = experienced.parent / f"{experienced.stem}-cache" / "predictors"
    kept = [path for path in cache.iterdir() if path.is_dir()]
    assert len(kept) == 1  # and nothing was fitted anew for it


def test_a_network_too_deep_for_the_images_is_refused_with_what_to_do(
    presage: Callable, shapes_npz: Path, experienced: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "nets_too_deep.py").write_text(
        "from torch import nn\n"
        "def deep():\n"
        "    pools = [nn.MaxPool2d(2) for _ in range(5)]\n"
        "    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)]\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *pools, *end)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = presage(
        "predict", shapes_npz, "nets_too_deep:deep", "--predictor", "cost-only", "--database", experienced
    )
    assert outcome.code == 2
    assert "nets_too_deep:deep cannot take images of 1×16×16" in outcome.err
    assert "--image-side" in outcome.err


def test_a_network_that_no_larger_image_would_help_is_refused_without_that_advice(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    grouped = Convolution(6, (3, 3), padding=(1, 1), groups=3)  # the images have one channel
    nodes = (Node(Input()), Node(grouped, (0,)), Node(Flatten(), (1,)), Node(Classifier(), (2,)))
    file = tmp_path / "grouped.json"
    file.write_text(dumps(Architecture(nodes)))
    outcome = presage("predict", shapes_npz, file, "--predictor", "cost-only", "--database", experienced)
    assert outcome.code == 2
    assert "grouped.json cannot take images of 1×16×16" in outcome.err
    assert "--image-side" not in outcome.err


def test_a_search_goes_from_probe_to_report_and_a_second_call_only_tells_it_again(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    words = (
        "search", shapes_npz, "--space", "nb201", "--candidates", 60, "--shortlist", 2, "--compare-random", 2,
        "--run", run, "--database", experienced, "--final", 0, *FAST,
    )  # fmt: skip
    outcome = presage(*words, "--json")
    assert outcome.code == 0
    result = outcome.json
    verified = result["rounds"][0]["verified"]
    assert len(verified) == 2
    assert len(result["baseline"]) == 2
    assert json.loads((run / "result.json").read_text())["best"] == result["best"]
    assert result["recipe_words"] == "16 px, 40 images, 1 epoch"

    # every training, and every prediction made before it, is in the database
    with Database.open(experienced) as database:
        stored = {row.architecture: row.accuracy for row in database.experiment_records(dataset=result["fingerprint"])}
        predicted = {row.architecture: row.value for row in database.predictions(dataset=result["fingerprint"])}
    for one in verified:
        assert stored[one["chosen"]["hash"]] == pytest.approx(one["accuracy"])
        assert predicted[one["chosen"]["hash"]] == pytest.approx(one["chosen"]["predicted"])
    assert set(predicted) == {one["chosen"]["hash"] for one in verified}  # nothing was predicted of the random ones

    # the best network loads and names its classes
    from presage.search import load_network

    assert len(load_network(run / "best").classes) == 3

    # the page: no network access, all its parts
    page = (run / "report.html").read_text()
    parts = (
        "How hard is the dataset?",
        "Predicted against trained",
        "Pareto front",
        "<h2>Networks</h2>",
        "What was trained",
        "Use the best network",
        "<p>Recipe: 16 px, 40 images, 1 epoch.</p>",
        "probe: 16 px, up to 2,000 images, 10 epochs",
        "<svg",
    )
    assert [part for part in parts if part not in page] == []
    for address in ("http://", "https://"):
        for place in page.split(address)[1:]:
            assert place.startswith("www.w3.org/"), place[:60]  # the name of SVG, no place to load from
    assert page.count("<script") == 1  # presage's own, in the page
    assert " src=" not in page.split("<script", 1)[1].split("</script>", 1)[0].split(">", 1)[0]

    seconds = {one["chosen"]["hash"]: one["seconds"] for one in verified}
    again = presage(*words, "--json").json
    assert {one["chosen"]["hash"]: one["seconds"] for one in again["rounds"][0]["verified"]} == seconds

    changed = presage(*[*words[:4], "--strategy", "random", *words[4:]])
    assert changed.code == 2
    assert "strategy" in changed.err
    other = presage(*words, "--predictor", "dataset-mean")
    assert other.code == 2
    assert "The `--predictor` of `presage search` must stay 'cost-only'" in other.err
    assert other.err.count("\n") == 1

    (run / "report.html").unlink()
    assert presage("report", run).out.strip() == str(run / "report.html")
    assert (run / "report.html").exists()


def test_limits_that_nothing_satisfies_are_said_in_one_line(
    presage: Callable, shapes_npz: Path, experienced: Path, tmp_path: Path
) -> None:
    outcome = presage(
        "search", shapes_npz, "--space", "nb201", "--max-params", 10, "--run", tmp_path / "run",
        "--database", experienced, *FAST,
    )  # fmt: skip
    assert outcome.code == 2
    assert outcome.err.count("\n") == 1
    assert "parameters" in outcome.err


def test_populate_adds_experiments_and_probes_and_again_adds_none(
    presage: Callable, shapes_npz: Path, tmp_path: Path
) -> None:
    database = tmp_path / "new.duckdb"
    with Database.open(database, from_seed=False):
        pass
    words = (
        "populate", shapes_npz, "--count", 3, "--probes", 1, "--out", tmp_path / "shards",
        "--database", database, "--epochs", 1, "--train-images", 40, "--quiet",
    )  # fmt: skip
    same = {"experiments": 3, "failed": 0, "refused": []}
    assert presage(*words, "--json").json == {**same, "already": 0, "added": 3, "probes": 1}
    assert presage(*words, "--json").json == {**same, "already": 3, "added": 0, "probes": 0}
    told = presage(*words).out.splitlines()
    assert told[0] == "0 experiments and 0 probes added, 3 experiments were there, 0 ended early."
    info = presage("database", "info", "--database", database, "--json").json
    assert info["rows"]["experiments"] == 3
    assert info["rows"]["probes"] == 1


def test_what_is_exported_can_be_imported_and_a_wrong_row_is_named(
    presage: Callable, experienced: Path, tmp_path: Path
) -> None:
    assert presage("database", "export", tmp_path / "parquet", "--database", experienced).code == 0
    fresh = tmp_path / "fresh.duckdb"
    with Database.open(fresh, from_seed=False):
        pass
    words = ("database", "import", tmp_path / "parquet", "--database", fresh, "--json")
    assert presage(*words).json["experiments"] == 48
    assert presage(*words).json["already"] > 0
    assert presage("database", "check", "--database", fresh).code == 0

    shard = tmp_path / "bad.jsonl"
    shard.write_text('{"format": "presage-experience", "version": 1, "kind": "experiment"}\n')
    outcome = presage("database", "import", shard, "--database", fresh)
    assert outcome.code == 2
    assert "bad.jsonl:1" in outcome.out
    assert presage("database", "info", "--database", fresh, "--json").json["rows"]["experiments"] == 48


def test_evaluate_scores_each_predictor_on_every_dataset(presage: Callable, experienced: Path) -> None:
    words = ("evaluate", "--predictors", "dataset-mean,cost-only", "--database", experienced, "--quiet")
    table = presage(*words, "--studies", "none", "--json").json
    assert len(table["scores"]) == 8
    # accuracies were made to grow with the order of drawing, alike on every dataset: the mean knows no order at all
    assert table["mean"]["dataset-mean"]["kendall_tau"] == pytest.approx(0.0)
    told = presage(*words, "--studies", "none").out
    assert told.startswith("Mean over 4 datasets, each left out whole")
    assert told.endswith("Recipe: 16 px, up to 2,000 images, 12 epochs.\n")
    assert table["recipe_words"] == "16 px, up to 2,000 images, 12 epochs"
    studied = presage(*words, "--studies", "core,dcn", "--folds", "2", "--json").json
    assert studied["core"]["mean"]["dataset-blind"]["kendall_tau"] == pytest.approx(1.0)
    assert studied["dcn"]["summary"]["spearman"] == pytest.approx(1.0)
    assert studied["how"] == "each left out whole, in 2 parts"


def test_an_unknown_study_names_the_nearest(presage: Callable, experienced: Path) -> None:
    outcome = presage("evaluate", "--predictors", "cost-only", "--studies", "scenario", "--database", experienced)
    assert outcome.code == 2
    assert "Did you mean `scenarios`?" in outcome.err


def test_an_unknown_predictor_names_the_nearest(presage: Callable, experienced: Path) -> None:
    outcome = presage("evaluate", "--predictors", "tap-lstn", "--database", experienced)
    assert outcome.code == 2
    assert "Did you mean `tap-lstm`?" in outcome.err


def test_the_python_api_takes_modules_and_names(shapes_npz: Path, experienced: Path) -> None:
    from torch import nn

    module = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 9)
    )
    (row,) = door.predict(str(shapes_npz), module, predictor="dataset-mean", database=experienced)
    # grey images and three classes: 1·4·9 + 4 weights of the convolution, 4·3 + 3 of the classifier
    assert row.parameters == 40 + 15
    with pytest.raises(ValueError, match="candidatse"):
        door.search(str(shapes_npz), candidatse=5, database=experienced)


def test_a_report_of_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(ValueError, match="damaged"):
        write_report(tmp_path)


def test_populate_writes_shards_where_duckdb_is_not_installed(
    presage: Callable, shapes_npz: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import presage.commands.populate as command

    monkeypatch.setattr(command, "find_spec", lambda name: None)
    out = tmp_path / "shards"
    words = ("populate", shapes_npz, "--count", 2, "--probes", 1, "--out", out, "--epochs", 1, "--train-images", 40)
    same = {"experiments": 2, "failed": 0, "refused": []}
    assert presage(*words, "--json", "--quiet").json == {**same, "already": 0, "added": 2, "probes": 1}
    assert presage(*words, "--json", "--quiet").json == {**same, "already": 2, "added": 0, "probes": 0}
    assert presage(*words, "--quiet").out.startswith(f"0 experiments and 0 probes added to {out}, 2 experiments were")
    kinds = [json.loads(line)["kind"] for path in out.glob("*.jsonl") for line in path.read_text().splitlines()]
    assert sorted(kinds) == ["experiment", "experiment", "probe"]


def test_the_demo_counts_the_datasets_that_networks_were_trained_on(
    presage: Callable, experienced: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from presage.records.testing import dataset_record
    from presage.search import SearchResult
    from presage.session import Session

    with Database.open(experienced) as database:
        database.add_probes([probe_entry(dataset_record("probed only"))])
    monkeypatch.setattr(Session, "card", lambda *given: "the card")
    monkeypatch.setattr(Session, "recall", lambda *given: "the past")
    made = SearchResult(tmp_path, "digits", "f", "chain", "evolution", {}, ())
    monkeypatch.setattr(Session, "search", lambda *given, **named: made)
    told = presage("demo", "--run", tmp_path / "run", "--database", experienced, "--quiet").out
    assert "1. Experience: 48 trained networks on 4 datasets." in told
    assert "4. Search on predictions, train" in told
    assert "of at most 10,000 parameters and 100,000 multiply adds:" in told
