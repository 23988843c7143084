"""`presage text train` leaves models that `presage generate` writes on with; wrong input is one line, exit code 2."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presage.architecture.recurrent.published import published
from presage.architecture.recurrent.serial import dumps_cell
from presage.database import Database
from presage.records import TextExperimentRecord

SMALL = ("--epochs", 1, "--parameters", 4000, "--set", "batch=4", "--set", "sequence_length=16", "--set", "embedding=8")


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    words = ("sun", "moon", "rises", "falls", "slowly", "again")
    numbers = random.Random(0)
    lines = (" ".join(numbers.choices(words, k=5)) for _ in range(80))
    (tmp_path / "tale.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "tale.txt"


def of_text(database: Database, path: Path) -> list[TextExperimentRecord]:
    """Trainings on this text; those that are shipped are on others."""
    (text,) = [one for one in database.texts() if one.name == path.name]
    return database.text_experiments(text=text.fingerprint)


def test_cells_are_trained_recorded_and_left_as_models(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(dumps_cell(published("gru")))
    found = presage(
        "text", "train", f"text:{tale}", "--cell", "rnn", "--cell", tmp_path / "mine.json", *SMALL,
        "--out", tmp_path / "models", "--database", tmp_path / "a.duckdb", "--json",
    )  # fmt: skip
    assert found.code == 0
    rows = found.json["trained"]
    assert [Path(row["model"]).name for row in rows] == ["rnn", "mine"]
    assert {row["metric"] for row in rows} == {"bits_per_character"}
    assert all(row["parameters"] <= 4000 for row in rows)
    with Database.open(tmp_path / "a.duckdb") as database:
        stored = {record.cell: record.value for record in of_text(database, tale)}
        assert stored == {row["cell"]: pytest.approx(row["value"], abs=1e-6) for row in rows}
    said = presage("generate", tmp_path / "models" / "rnn", "--prompt", "sun", "--length", 30, "--seed", 1)
    assert said.code == 0
    assert said.out.startswith("sun")
    assert len(said.out.removesuffix("\n")) == 33
    again = presage("generate", tmp_path / "models" / "rnn", "--prompt", "sun", "--length", 30, "--seed", 1, "--json")
    assert "sun" + again.json["text"] + "\n" == said.out


def test_a_training_that_diverges_leaves_no_folder(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    diverging = ("--set", "optimizer=sgd", "--set", "learning_rate=1e38", "--set", "clip=1e30", *SMALL)
    found = presage(
        "text", "train", f"text:{tale}", "--cell", "rnn", "--out", tmp_path / "models", *diverging, "--json"
    )
    assert found.code == 1
    assert found.json["trained"][0]["status"] == "diverged"
    assert found.json["trained"][0]["model"] is None
    assert list((tmp_path / "models").iterdir()) == []


def test_a_text_is_probed(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    database = tmp_path / "a.duckdb"
    found = presage("text", "probe", tale, "--database", database, "--json")
    assert found.code == 0
    assert 0 < found.json["dcn"] < 1
    again = presage("text", "probe", tale, "--database", database)
    assert again.code == 0
    assert f"{found.json['dcn']:.3f}" in again.out
    with Database.open(database) as opened:
        assert [one.value for one in of_text(opened, tale)] == [pytest.approx(found.json["value"], abs=1e-6)]


def test_a_campaign_s_shard_is_imported(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    from presage.training.text.campaign import main

    (tmp_path / "recipe.json").write_text(
        '{"epochs": 1, "batch": 4, "sequence_length": 16, "embedding": 8, "parameters": 3000}'
    )
    words = [str(tale), "--shard", str(tmp_path / "a.jsonl"), "--each", "1", "--spaces", "rnn_darts:nodes=2"]
    assert main([*words, "--recipe", str(tmp_path / "recipe.json")]) == 0
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert len(lines) == 6 + 2
    assert main([*words, "--recipe", str(tmp_path / "recipe.json")]) == 0
    assert (tmp_path / "a.jsonl").read_text().splitlines() == lines
    found = presage("database", "import", tmp_path / "a.jsonl", "--database", tmp_path / "a.duckdb")
    assert found.code == 0
    assert "8 experiments on texts" in found.out
    told = presage("database", "import", tmp_path / "a.jsonl", "--database", tmp_path / "b.duckdb", "--json")
    assert told.json["text_experiments"] == 8


def test_a_table_is_printed(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    found = presage(
        "text", "train", tale, "--words", 5, "--cell", "rnn", *SMALL,
        "--out", tmp_path / "m", "--database", tmp_path / "a.duckdb",
    )  # fmt: skip
    assert found.code == 0
    assert "perplexity" in found.out
    assert f"presage generate {tmp_path / 'm' / 'rnn'}" in found.out


def test_a_search_leaves_its_best_network_and_is_gone_on_with(
    presage: Callable[..., Any], tale: Path, tmp_path: Path
) -> None:
    words = (
        "text", "search", tale, "--space", "rnn_darts:nodes=2", "--strategy", "random", "--score", "trained", *SMALL,
        "--run", tmp_path / "run", "--database", tmp_path / "a.duckdb",
    )  # fmt: skip
    found = presage(*words, "--candidates", 2)
    assert found.code == 0
    assert "2 cells trained" in found.out
    again = presage(*words, "--candidates", 3, "--json")
    assert again.code == 0
    assert len(again.json["found"]) == 3
    with Database.open(tmp_path / "a.duckdb") as database:
        trained = of_text(database, tale)
        assert len(trained) == 3
        hashes = {one.cell for one in trained}
        assert {cell.space for cell in database.cells() if cell.hash in hashes} == {"rnn_darts:nodes=2"}
    (tmp_path / "run" / "report.html").unlink()
    assert presage("report", tmp_path / "run").code == 0
    assert "rnn_darts:nodes=2" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert presage("generate", tmp_path / "run" / "best", "--length", 5).code == 0
    other = presage(*words, "--seed", 1)
    assert other.code == 2
    assert "the same seed" in other.err


def test_a_search_by_prediction_trains_the_best_of_what_is_scored(
    presage: Callable[..., Any], tale: Path, tmp_path: Path
) -> None:
    words = (
        "text", "search", tale, "--space", "rnn_tree:leaves=4", *SMALL, "--candidates", 20, "--shortlist", 2,
        "--run", tmp_path / "run", "--database", tmp_path / "a.duckdb",
    )  # fmt: skip
    found = presage(*words)
    assert found.code == 0
    assert "predicted beside a GRU" in found.out
    assert "20 candidates scored. Predicted from 811 trainings on 12 other texts" in found.out
    with Database.open(tmp_path / "a.duckdb") as database:
        assert len(of_text(database, tale)) == 2
    for name, damaged in (("study.log", "xx"), ("predicted.json", "{"), ("search.json", "{")):
        kept = (tmp_path / "run" / name).read_text(encoding="utf-8")
        (tmp_path / "run" / name).write_text(damaged, encoding="utf-8")
        refused = presage(*words)
        assert (refused.code, refused.err.count("\n")) == (2, 1)
        assert name in refused.err
        (tmp_path / "run" / name).write_text(kept, encoding="utf-8")
    told = presage(*words, "--json").json
    assert [set(one["predicted"]) for one in told["found"]] == [{"value", "lower", "upper", "diverges", "expected"}] * 2
    assert told["predictor"]["texts"] == 12
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "20 candidates were scored by prediction" in page
    assert f"{100 * told['found'][0]['predicted']['value']:+.1f} %" in page


def test_cells_are_predicted_and_none_is_trained_but_the_probe(
    presage: Callable[..., Any], tale: Path, tmp_path: Path
) -> None:
    words = ("text", "predict", tale, "--database", tmp_path / "a.duckdb", "--cell", "gru", "--cell", "darts_v2")
    told = presage(*words, "--json").json
    assert [row["name"] for row in told["predicted"]] == ["gru", "darts_v2"]
    for row in told["predicted"]:
        assert row["lower"] < row["relative"] < row["upper"]
        assert row["value"] == pytest.approx(told["probe"]["value"] * (1 + row["relative"]))
    assert told["predicted"][0]["relative"] < told["predicted"][1]["relative"]  # of twelve texts, the GRU is ahead
    with Database.open(tmp_path / "a.duckdb") as database:
        assert [one.cell for one in of_text(database, tale)] == [published("gru").hash]
    printed = presage(*words)
    assert printed.code == 0
    assert "bits per character by the probe's recipe" in printed.out


def test_a_database_without_experience_predicts_nothing(
    presage: Callable[..., Any], tale: Path, tmp_path: Path
) -> None:
    with Database.open(tmp_path / "bare.duckdb", from_seed=False):
        pass
    bare = ("--database", tmp_path / "bare.duckdb")
    for words in (("predict", tale), ("search", tale, "--run", tmp_path / "run", *SMALL)):
        found = presage("text", *words, *bare)
        assert found.code == 2
        assert "at least 3 other texts" in found.err
        assert "presage text search --score trained" in found.err
        assert "--score trained" in found.err


def test_a_cell_that_was_sampled_can_be_trained(presage: Callable[..., Any], tale: Path, tmp_path: Path) -> None:
    sampled = presage("sample", "rnn_enas:nodes=3", "-n", 2, "--seed", 4)
    assert sampled.code == 0
    first, _ = sampled.out.splitlines()
    (tmp_path / "first.json").write_text(first)
    assert presage("sample", "rnn_enas:nodes=3", "--seed", 4, "--json").json["cells"][0]["format"] == "presage-cell"
    found = presage(
        "text", "train", tale, "--cell", tmp_path / "first.json", *SMALL,
        "--out", tmp_path / "m", "--database", tmp_path / "a.duckdb",
    )  # fmt: skip
    assert found.code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("text", "train", "none.txt"), "No such file"),
        (("text", "train", "LATIN"), "byte 0xe9 at offset 100"),
        (("text", "train", "SHORT"), "for one batch"),
        (("text", "train", "TALE", "--cell", "lstn"), "Did you mean `lstm`"),
        (("text", "train", "TALE", "--set", "epoch=3"), "Did you mean `epochs`"),
        (("text", "train", "TALE", "--set", "batch=x"), "`batch` of `TextRecipe`"),
        (("text", "train", "TALE", "--set", "batch=4", "--parameters", "100"), "`parameters`"),
        (("text", "train", "TALE", "--words", "1"), "`words`"),
        (("text", "search", "TALE", "--space", "rnn_dart"), "Did you mean `rnn_darts`"),
        (("text", "search", "TALE", "--strategy", "evolve", "--run", "RUN"), "Did you mean `evolution`"),
        (("text", "search", "TALE", "--score", "trainde"), "Did you mean `trained`"),
        (("text", "search", "TALE", "--score", "trained", "--shortlist", "3"), "`--shortlist`"),
        (("text", "search", "TALE", "--strategy", "enas", "--score", "predicted", "--run", "RUN"), "by prediction"),
        (("text", "predict", "TALE", "--cell", "lstn"), "Did you mean `lstm`"),
        (("text", "train", "UTF16"), "iconv -f utf-16"),
        (("generate", "nowhere"), "no such folder"),
        (("generate", "nowhere", "--temperature", "-1"), "within 0 and 100"),
    ],
)
def test_wrong_input_is_one_line(
    presage: Callable[..., Any], tale: Path, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    (tmp_path / "latin.txt").write_bytes(b"x y " * 25 + "été ".encode("latin-1") * 100)
    (tmp_path / "short.txt").write_bytes(b"to be or not to be " * 20)
    (tmp_path / "utf16.txt").write_bytes(("to be or not to be " * 200).encode("utf-16"))
    paths = {
        "TALE": tale,
        "LATIN": tmp_path / "latin.txt",
        "SHORT": tmp_path / "short.txt",
        "UTF16": tmp_path / "utf16.txt",
        "RUN": tmp_path / "r",
    }
    common = ("--database", tmp_path / "a.duckdb") if words[0] == "text" else ()
    found = presage(*(paths.get(word, word) for word in words), *common)
    assert found.code == 2
    assert said in found.err
    assert found.err.count("\n") == 1
