"""`--config FILE`: a file says what would be typed; what is typed counts more; nothing in it is passed over."""

from __future__ import annotations

import tomllib
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pytest

import presage.cli as cli

FILE = """
device = "cpu"
seed = 3
[search]
space = "stages"
max-params = "50k"
max_macs = 3_000_000
max-latency = 2.5
budget = "1h30m"
dataset = "digits"
no-tune = true
flip = false
set = {ema = 0.99, optimizer = "adamw"}
[train]
dataset = "digits"
architectures = ["a.json", "b.json"]
[probe]
no-ladder = true
[database]
seed = 4
[database.import]
seed = 5
column = {accuracy = "val_acc"}
[database.query]
dcn = 0.5
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(FILE)
    return path


def parsed(*words: object) -> Namespace:
    found = cli._parsed([str(word) for word in words])
    assert found is not None
    return found.options


def test_a_file_says_what_would_be_typed(file: Path) -> None:
    from_file = vars(parsed("search", "--config", file))
    typed = vars(parsed(
        "search", "digits", "--device", "cpu", "--seed", 3, "--space", "stages", "--max-params", "50k", "--max-macs",
        "3M", "--max-latency", 2.5, "--budget", "1h30m", "--no-tune", "--no-flip", "--set", "ema=0.99", "--set",
        "optimizer=adamw",
    ))  # fmt: skip
    apart = {"config", "whole_parser", "as_toml"}
    assert {name: from_file[name] for name in from_file.keys() - apart} == {
        name: typed[name] for name in typed.keys() - apart
    }
    assert from_file["budget"] == 5400
    assert from_file["max_macs"] == 3_000_000


def test_what_is_typed_counts_more(file: Path) -> None:
    found = parsed("search", "other", "--max-params", "7k", "--config", file, "--set", "ema=0.5", "--flip")
    assert (found.dataset, found.max_params, found.fields, found.flip) == ("other", 7000, ["ema=0.5"], True)
    assert (found.space, found.seed) == ("stages", 3)


def test_a_nearer_table_counts_more(file: Path) -> None:
    assert parsed("probe", "digits", "--config", file).seed == 3
    assert parsed("probe", "digits", "--config", file).ladder is False
    assert parsed("database", "check", "--config", file).seed == 4
    found = parsed("database", "import", "runs.csv", "--config", file)
    assert (found.seed, found.columns, found.device) == (5, ["accuracy=val_acc"], "cpu")
    assert parsed("database", "--seed", 6, "import", "runs.csv", "--config", file).seed == 6


@pytest.mark.parametrize("option", [["--config"], ["--conf"], ["--config="]])
def test_the_option_is_found_however_it_is_written_and_wherever_it_stands(file: Path, option: list[str]) -> None:
    given = [option[0] + str(file)] if option[0].endswith("=") else [*option, file]
    for words in (["database", "query", *given], ["database", *given, "query"]):
        assert parsed(*words).dcn == 0.5  # `--dcn` must be given otherwise


def test_places_are_typed_from_the_left_and_filled_from_the_file(file: Path) -> None:
    def places(*words: object) -> tuple[str, list[str]]:
        found = parsed("train", *words, "--config", file)
        return found.dataset, found.architectures

    assert places() == ("digits", ["a.json", "b.json"])
    assert places("--epochs", "3") == ("digits", ["a.json", "b.json"])
    assert places("photos", "--onnx") == ("photos", ["a.json", "b.json"])
    assert places("--epochs", 3, "photos", "--onnx", "c.json") == ("photos", ["c.json"])
    file.write_text('[train]\ndataset = "digits"')
    assert places("--epochs", 3, "c.json") == ("digits", ["c.json"])
    assert places("photos", "--flip", "c.json", "d.json") == ("photos", ["c.json", "d.json"])


def test_a_default_of_a_command_gives_way_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("max-params = 20_000")
    found = parsed("demo", "--config", tmp_path / "own.toml")
    assert (found.max_params, found.max_macs, found.final) == (20_000, 100_000, 0)
    assert parsed("demo").max_params == 10_000


def test_help_shows_the_usual_defaults_with_a_file_too(
    presage: Callable, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text('run = "elsewhere"')
    with pytest.raises(SystemExit) as ended:
        presage("search", "--config", file, "--help")
    assert ended.value.code == 0
    assert "run folder (default: runs/search)" in " ".join(capsys.readouterr().out.split())


WRONG = [
    ("max-parms = 3", "No option of `presage search` (in FILE) is named `max-parms`. Did you mean `max-params`?"),
    ("[serach]\nseed = 1", "No command (a table of FILE) is named `serach`. Did you mean `search`?"),
    ("[search.limits]\na = 1", "No option of `presage search` (in FILE [search]) is named `limits`."),
    ("n = 3", "The `n` of `FILE` is no option of `presage search`. Put it below [sample]."),
    ("dry_run = true", "The `dry_run` of `FILE` is no option of `presage search`. Put it below [database.import]."),
    ('[search]\nconfig = "b.toml"', "No option of `presage search` (in FILE [search]) is named `config`."),
    ('[search]\nmax-params = "x"', "The `max-params` of `FILE [search]` must be a whole number of at least 1"),
    ("max-params = -1", "The `max-params` of `FILE` must be a whole number of at least 1"),
    ("budget = 600", "The `budget` of `FILE` must be a time such as 90s, 10m or 1h30m. Got '600'."),
    ("space = 5", "The `space` of `FILE` must be text, in quotes. Got 5."),
    ("epochs = [3]", "The `epochs` of `FILE` must be a number, or text in quotes. Got [3]."),
    ("epochs = true", "The `epochs` of `FILE` must be a number, or text in quotes. Got True."),
    ("quiet = 1", "The `quiet` of `FILE` must be true or false. Got 1."),
    ('flip = "no"', "The `flip` of `FILE` must be true or false. Got 'no'."),
    ('device = "gpu"', "The `device` of `FILE` must be one of auto, cpu, cuda. Got 'gpu'."),
    ("set = {ema = 2020-01-01}", "The `set` of `FILE` must hold text, numbers, true or false."),
    ("set = [3]", "The `set` of `FILE` must be text, in quotes. Got 3."),
    ("= 3", "The `--config` of `presage search` must be a TOML file. Got 'FILE'. Invalid statement (at line 1"),
    ("a = " + 5000 * "[", "The `--config` of `presage search` must be a TOML file."),
    ("seed = 1\nseed = 2", "The `--config` of `presage search` must be a TOML file."),
    (f"seed = {5000 * '1'}", "The `--config` of `presage search` must be a TOML file."),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_in_a_file_is_one_line_that_names_file_and_key(
    presage: Callable, file: Path, text: str, said: str
) -> None:
    file.write_text(text)
    outcome = presage("search", "digits", "--config", file)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith(f"presage: {said.replace('FILE', str(file))}")


def test_a_file_that_cannot_be_read_is_one_line(presage: Callable, tmp_path: Path) -> None:
    (tmp_path / "bytes.toml").write_bytes(b"seed = '\xff'")
    for path, why in ((tmp_path / "none.toml", "No such file"), (tmp_path, "a folder"), (tmp_path / "bytes.toml", "")):
        outcome = presage("probe", "digits", "--config", path)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert str(path) in outcome.err
        assert why in outcome.err


def test_an_error_is_json_where_the_file_asks_for_it(presage: Callable, file: Path) -> None:
    file.write_text("json = true")
    outcome = presage("report", "no/such/run", "--config", file)
    assert outcome.code == 2
    assert outcome.json["error"] == "InvalidArgument"


@pytest.mark.parametrize("words", [["search", "digits", "--budget", "90s", "--set", 'a="é\x7f\\"'], ["demo"]])
def test_options_as_a_file_ask_for_the_same(words: list[str], tmp_path: Path) -> None:
    first = parsed(*words)
    (tmp_path / "options.toml").write_text(first.as_toml(), encoding="utf-8")
    again = parsed(words[0], "--config", tmp_path / "options.toml")
    assert again.as_toml() == first.as_toml()
    assert tomllib.loads(first.as_toml())[words[0]]["run"] == f"runs/{words[0]}"
    apart = {"config", "whole_parser", "as_toml"}
    assert {name: value for name, value in vars(first).items() if name not in apart} == {
        name: value for name, value in vars(again).items() if name not in apart
    }
