"""The command line: help, exit codes, one clear line for wrong input, JSON on stdout and nothing else there."""

from __future__ import annotations

import argparse
import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import presage.cli as cli
from presage.architecture.spaces.registry import SPACES
from presage.places import path_argument
from presage.registry import Registry
from presage.search.strategies import STRATEGIES
from presage.surrogate.predictors.registry import PREDICTORS
from presage.surrogate.proxies.registry import PROXIES


def refused(outcome, *words: str) -> None:
    """Exit code 2, one line on stderr with these words, nothing on stdout."""
    assert outcome.code == 2
    assert outcome.out == ""
    lines = [line for line in outcome.err.splitlines() if line.startswith("presage: ")]
    assert len(lines) == 1, outcome.err
    for word in words:
        assert word in lines[0]


def test_help_lists_every_command(presage: Callable) -> None:
    with pytest.raises(SystemExit) as ended:
        presage("--help")
    assert ended.value.code == 0


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help_and_a_summary(name: str) -> None:
    words = " ".join(cli.command_line(name).parser.format_help().split())
    assert f" {name} {cli.COMMANDS[name]} " in f"{words} "
    assert hasattr(cli.command(name), "run") or cli.actions(name)


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys, presage, presage.cli; presage.cli.command_line().parser.format_help();"
        "heavy = {'torch', 'lightgbm', 'optuna', 'duckdb', 'sklearn', 'matplotlib'} & set(sys.modules); print(heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(("words", "loaded"), [("--help", []), ("status --help", ["status"])])
def test_a_command_loads_no_other(words: str, loaded: list[str]) -> None:
    code = (
        "import sys; from contextlib import suppress; from presage.cli import main;\n"
        f"with suppress(SystemExit): main({words.split()})\n"
        "print([name[17:] for name in sys.modules if name.startswith('presage.commands.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == str(loaded)


def test_help_says_what_every_name_means_as_the_registries_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    line = cli.command_line()
    expected: dict[str, list[Registry]] = {
        "search": [SPACES, STRATEGIES, PREDICTORS, PROXIES], "predict": [PREDICTORS], "evaluate": [PREDICTORS],
        "sample": [SPACES],
    }  # fmt: skip
    for command, registries in expected.items():
        text = " ".join(line.below[command].parser.format_help().split())
        for name, summary in [pair for registry in registries for pair in registry.summaries().items()]:
            assert f"{name} {' '.join(summary.split())}" in text


@pytest.mark.parametrize("columns", [72, 100])
@pytest.mark.parametrize("name", cli.COMMANDS)
def test_no_line_of_help_is_wider_than_the_terminal(name: str, columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, cli.command_line(name).below[name].parser.format_help().splitlines())) <= columns


def test_an_unknown_command_names_the_nearest(presage: Callable) -> None:
    refused(presage("serach", "digits"), "`serach`", "Did you mean `search`?")


NUMBERS = [
    ("probe digits", "--seeds"), ("predict digits x.json", "--epochs"), ("predict digits x.json", "--image-side"),
    ("train digits x.json", "--batch"), ("train digits x.json", "--train-images"), ("search digits", "--candidates"),
    ("search digits", "--shortlist"), ("search digits", "--rounds"), ("search digits", "--max-params"),
    ("search digits", "--max-macs"), ("search digits", "--max-memory"), ("search digits", "--max-latency"),
    ("search digits", "--latency-batch"), ("search digits", "--supernet-epochs"), ("demo", "--compare-random"),
    ("search digits", "--final"), ("search digits", "--budget"), ("train digits x.json", "--budget"),
    ("sample nb201", "-n"), ("sample nb201", "--seed"), ("populate digits", "--count"),
    ("populate digits", "--workers"), ("populate digits", "--probes"), ("evaluate", "--folds"), ("evaluate", "--draws"),
    ("evaluate", "--workers"),
    ("database query", "--dcn"), ("database query --dcn 0.5", "--tolerance"), ("database query --dcn 0.5", "--least"),
    ("database query --dcn 0.5", "--top"), ("database import nasbench201", "--networks"),
    ("dashboard RUN", "--port"), ("generate MODEL", "--length"), ("generate MODEL", "--temperature"),
    ("grow x.json digits", "--steps"), ("grow x.json digits", "--neighbours"), ("grow x.json digits", "--morphisms"),
    ("grow x.json digits", "--child-epochs"), ("grow x.json digits", "--pick-params"),
    ("grow x.json digits", "--pick-macs"), ("text train text:F", "--words"),
    ("text train text:F", "--parameters"), ("text search text:F", "--hidden"), ("text search text:F", "--shortlist"),
    ("text search text:F", "--candidates"), ("text predict text:F", "--words"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "option"), NUMBERS)
@pytest.mark.parametrize("value", ["-1", "-1k", "-inf", "abc"])
def test_a_wrong_number_names_option_command_rule_and_value(
    presage: Callable, words: str, option: str, value: str
) -> None:
    actions = (*cli.COMMANDS, "query", "import", "train", "search")
    command = " ".join(word for word in words.split()[:2] if word in actions)
    refused(presage(*words.split(), option, value), f"The `{option}` of `presage {command}` must be", f"Got '{value}'.")


TEXTS = (None, path_argument)


def test_every_option_that_takes_a_number_is_tried() -> None:
    options = set()
    for name in cli.COMMANDS:
        command = cli.command_line(name).below[name]
        for one in (command, *command.below.values()):
            options |= {a.names[-1] for a in one.arguments.declared if a.settings.get("type") not in TEXTS}
    assert options == {option for _, option in NUMBERS}


@pytest.mark.parametrize(
    ("words", "joined"),
    [
        ("probe digits --seeds -1", "probe digits --seeds=-1"),
        ("probe digits --see -1k --json", "probe digits --see=-1k --json"),
        ("sample nb201 -n -.5", "sample nb201 -n=-.5"),
        ("probe --json -1", "probe --json -1"),  # a flag takes no value
        ("probe --seeds --json", "probe --seeds --json"),
        ("probe --seeds 3 -1", "probe --seeds 3 -1"),
        ("probe -- --seeds -1", "probe -- --seeds -1"),
        ("database query --dcn -inf", "database query --dcn=-inf"),
    ],
)
def test_a_negative_number_after_an_option_is_its_value(words: str, joined: str) -> None:
    line = cli.command_line(words.split()[0])
    assert cli._joined(words.split(), line.valued) == joined.split()


def test_options_of_every_command_may_stand_before_an_action_or_after_it(presage: Callable, experienced: Path) -> None:
    shared = ("--json", "--database", experienced)
    before, after = presage("database", *shared, "check"), presage("database", "check", *shared)
    assert before == after
    assert before.json == {"damage": []}


def test_nothing_asks_argparse_for_its_insides() -> None:
    known = {*dir(argparse), *dir(argparse.ArgumentParser())}
    private = {name for name in known if name.startswith("_") and not name.startswith("__")}
    top = Path(cli.__file__).parent
    files = [*top.glob("*.py"), *(top / "commands").glob("*.py"), top.parent / "docs" / "generate.py"]
    assert len(files) > 20
    for file in files:
        nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        used = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
        assert not used & private, file


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["probe"], ["DATASET"]),
        (["probe", "no/such/place.npz"], ["no/such/place.npz"]),
        (["probe", "digits", "--seeds", "0"], ["--seeds", "at least 1", "'0'"]),
        (["probe", "digits", "--seed", "-1"], ["--seed", "at least 0", "-1"]),
        (["probe", "digits", "--seed", "99999999999"], ["--seed", "at most", "99999999999"]),
        (["predict", "digits", "no_such_file"], ["ARCH", "no_such_file"]),
        (["predict", "digits", "missing.json"], ["ARCH", "must be an existing file", "missing.json"]),
        (["predict", "digits", "no/such/file"], ["ARCH", "must be an existing file", "no/such/file"]),
        (["predict", "digits", '{"format": "presage-architecture"}'], ["ARCH", "file of architecture JSON (lines)"]),
        (["predict", "digits", '{"nodes": [' + 300 * " " + "]}"], ["ARCH", "file of architecture JSON (lines)"]),
        (["predict", "digits", "no.such.module:thing"], ["no.such.module"]),
        (["predict", "digits", ".relative:thing"], [".relative"]),
        (["predict", "digits", "json:no_such_name"], ["json"]),
        (["predict", "digits", "json:dumps"], ["json:dumps"]),
        (["predict", "digits", "pathlib:Path"], ["torch.nn.Module", "Path"]),
        (["search", "digits", "--space", "chian"], ["chian", "Did you mean `chain`?"]),
        (["search", "digits", "--strategy", "evolutoin"], ["evolutoin", "Did you mean `evolution`?"]),
        (["search", "digits", "--candidates", "many"], ["--candidates", "many"]),
        (["search", "digits", "--objectives", "acuracy"], ["acuracy"]),
        (["search", "digits", "--objectives", "accuracy,latency"], ["evolution", "`nsgaii`"]),
        (["search", "digits", "--max-latency", "0"], ["--max-latency", "above 0", "'0'"]),
        (["search", "digits", "--max-latency", "nan"], ["--max-latency", "above 0"]),
        (["search", "digits", "--latency-batch", "0"], ["--latency-batch", "at least 1"]),
        (["search", "digits", "--score", "proxy:synflw"], ["synflw", "Did you mean `proxy:synflow`?"]),
        (["search", "digits", "--score", "table"], ["table", "presage.search.run_search"]),
        (
            ["search", "digits", "--prune", "--compare-random", "2"],
            ["The `--prune` of `presage search` must be left out beside `--compare-random`"],
        ),
        (["search", "digits", "--verify", "asah"], ["asah", "Did you mean `asha`?"]),
        (
            ["search", "digits", "--verify", "asha", "--budget", "5m"],
            ["The `--verify` of `presage search` must be left out beside `--budget`"],
        ),
        (
            ["search", "digits", "--verify", "asha", "--prune"],
            ["The `--prune` of `presage search` must be left out beside `--verify`"],
        ),
        (
            ["search", "digits", "--early-stop", "--compare-random", "2"],
            ["The `--early-stop` of `presage search` must be left out beside `--compare-random`"],
        ),
        (
            ["search", "digits", "--strategy", "bayes", "--supernet-epochs", "5"],
            ["The `--supernet-epochs` of `presage search` must be left out where there is no super-net", "Got 5"],
        ),
        (
            ["search", "digits", "--strategy", "local", "--objectives", "accuracy,parameters"],
            ["The `--strategy` of `presage search` must serve 2 objectives", "Got 'local'"],
        ),
        (
            ["database", "import", __file__.removesuffix("tests/presage/test_cli.py") + "training/core.json"],
            ["The `PATH` of `presage database import` must be shards (*.jsonl)", "core.json"],
        ),
        (["search", "digits", "--max-params", "3"], ["No network of the space `chain`", "3 parameters", "nearest"]),
        (["search", "digits", "--shortlist", "9", "--candidates", "5"], ["shortlist", "candidates"]),
        (["sample", "nb201:cels=5"], ["cels"]),
        (["sample", "nb201", "-n", "0"], ["at least 1"]),
        (["database", "qurey"], ["qurey"]),
        (["database", "query", "--dcn", "1.5"], ["--dcn", "[0, 1]", "1.5"]),
        (["train", "digits", "x.json", "--train-images", "few"], ["--train-images", "or `all`", "few"]),
        (["report", "no/such/run"], ["no/such/run"]),
    ],
)
def test_wrong_input_is_one_line_and_exit_code_2(
    presage: Callable, tmp_path: Path, words: list[str], named: list[str]
) -> None:
    refused(presage(*words, "--database", tmp_path / "x.duckdb"), *named)


def test_a_score_that_only_callers_of_python_can_bring_is_not_offered(presage: Callable) -> None:
    outcome = presage("search", "digits", "--score", "foo")
    refused(outcome, "No score is named `foo`", "predicted")
    assert "table" not in outcome.err


def test_an_error_about_a_value_that_was_not_typed_keeps_its_name() -> None:
    from argparse import Namespace

    from presage.errors import InvalidArgument

    error = InvalidArgument("device", "choose_device", "be there", "cuda")
    known = {"--device"}
    assert str(cli._as_typed(error, Namespace(command="probe", device="cuda"), known)) == (
        "The `--device` of `presage probe` must be there. Got 'cuda'."
    )
    assert cli._as_typed(error, Namespace(command="probe", device="cpu"), known) is error
    assert cli._as_typed(error, Namespace(command="probe", device="cuda"), set()) is error


def test_with_json_an_error_is_an_object_on_stdout_too(presage: Callable) -> None:
    outcome = presage("report", "no/such/run", "--json")
    assert outcome.code == 2
    assert outcome.json["error"] == "InvalidArgument"
    assert "no/such/run" in outcome.json["message"]


def test_a_full_disk_is_one_line(presage: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(options: object) -> int:
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(cli.command("report"), "run", full)
    outcome = presage("report", "somewhere")
    assert outcome.code == 2
    assert outcome.err == "presage: No space left on device (somewhere). Nothing already stored was lost.\n"


def test_an_interruption_says_how_to_go_on(presage: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.command("report"), "run", interrupted)
    outcome = presage("report", "somewhere")
    assert outcome.code == 130
    assert "Type the same command" in outcome.err


def test_a_mistake_of_our_own_is_not_hidden(presage: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(options: object) -> int:
        raise RuntimeError("a bug")

    monkeypatch.setattr(cli.command("report"), "run", broken)
    with pytest.raises(RuntimeError, match="a bug"):
        presage("report", "somewhere")


def test_sample_writes_architectures_that_predict_would_read(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("sample", "chain", "-n", 3, "--seed", 7)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert len(lines) == 3
    file = tmp_path / "three.jsonl"
    file.write_text(outcome.out)

    from presage.architectures import read_architectures

    read = read_architectures([str(file)])
    assert [named.name for named in read] == ["three.jsonl:1", "three.jsonl:2", "three.jsonl:3"]
    assert json.loads(lines[0])["format"] == "presage-architecture"
    again = presage("sample", "chain", "-n", 3, "--seed", 7)
    assert again.out == outcome.out
    assert presage("sample", "chain", "-n", 3, "--seed", 8).out != outcome.out


def test_presage_alone_says_what_to_do_first_in_commands_that_are_there(presage: Callable) -> None:
    outcome = presage()
    assert outcome.code == 0
    lines = outcome.out[outcome.out.index("What to do first:") :].splitlines()[1:]
    assert len(lines) == 3
    for line in lines:
        typed = line.split("   ")[0].split()
        assert typed[0] == "presage"
        known = cli.command_line(typed[1])
        assert set(re.findall(r"--[a-z-]+", line)) <= set(known.below[typed[1]].parser._option_string_actions)


def test_an_error_that_several_commands_share_names_the_one_that_was_typed(presage: Callable, tmp_path: Path) -> None:
    outcome = presage("predict", "digits", "no/such/file.json", "--database", tmp_path / "new.duckdb")
    assert outcome.code == 2
    assert "The `ARCH` of `presage predict` must" in outcome.err
    memory = presage("database", "info", "--database", ":memory:")
    assert "of `presage database info` must" in memory.err
