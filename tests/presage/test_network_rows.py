"""What `predict` and `train` say of networks by name: what was changed, what is unknown, what was refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import nn

import presage as public
from presage.architecture.serial import dumps
from presage.architecture.spaces import get_space
from presage.errors import NetworkWarning, UnknownName
from presage.session import Session
from presage.steps.prediction import UNKNOWN

SOURCE = """
from torch import nn

def fits(channels=1, classes=3):
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes)
    )

def large():
    return nn.Sequential(nn.Flatten(), nn.Linear(256, 3))

def unknown():
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.PReLU(8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3))
"""


@pytest.fixture
def nets(tmp_path: Path) -> str:
    (tmp_path / "nets.py").write_text(SOURCE)
    return str(tmp_path / "nets.py")


def test_predict_answers_for_those_that_fit_and_says_why_the_others_do_not(
    presage: Callable, shapes_npz: Path, experienced: Path, nets: str
) -> None:
    names = [f"{nets}:fits", f"{nets}:fits(3, classes=1000)", f"{nets}:large", f"{nets}:unknown"]
    words = ("predict", shapes_npz, *names, "--image-side", 8, "--predictor", "cost-only", "--database", experienced)
    outcome = presage(*words, "--json", "--quiet")
    assert outcome.code == 1
    rows = {row["name"]: row for row in outcome.json["predictions"]}
    assert list(rows) == [names[0], names[1], names[3]]
    assert rows[names[0]]["notes"] == []
    assert rows[names[0]]["parameters"] == 9 * 8 + 8 + 8 * 3 + 3
    assert rows[names[1]]["notes"] == [
        "its stem takes 3 channels, here 1",
        "its head tells 1000 classes apart, here 3",
    ]
    assert rows[names[1]]["hash"] == rows[names[0]]["hash"]
    assert rows[names[3]]["notes"] == ["no network of the experience has parametric relu"]
    (refused,) = outcome.json["refused"]
    assert refused["name"] == names[2]
    assert (
        "cannot take images of 1×8×8; it takes 16×16. Try --image-side 16, or --image-side auto." in refused["reason"]
    )
    shown = presage(*words, "--quiet")
    assert shown.code == 1
    assert refused["reason"] in shown.out
    assert f"{names[1]}: its stem takes 3 channels, here 1; its head tells 1000 classes apart, here 3." in shown.out


def test_a_name_that_is_wrong_and_a_broken_line_are_rows_too(
    presage: Callable, shapes_npz: Path, experienced: Path, nets: str, tmp_path: Path
) -> None:
    lines = tmp_path / "lines.jsonl"
    space = get_space("chain")
    network = dumps(space.decode(space.params(space.codes([{p.name: p.choices[0] for p in space.parameters}])[0])))
    lines.write_text(network + '\n{"format": 7}\n')
    names = ["torchvision:resnet19", f"{nets}:fits", f"{nets}:missing", str(lines), "nowhere.json"]
    words = ("predict", shapes_npz, *names, "--image-side", 8, "--predictor", "cost-only", "--database", experienced)
    outcome = presage(*words, "--json", "--quiet")
    assert outcome.code == 1
    assert [row["name"] for row in outcome.json["predictions"]] == [f"{nets}:fits", "lines.jsonl:1"]
    reasons = {one["name"]: one["reason"] for one in outcome.json["refused"]}
    assert list(reasons) == [names[0], names[2], "lines.jsonl:2", names[4]]
    assert "Did you mean `resnet18`?" in reasons[names[0]]
    assert "name a callable of the file" in reasons[names[2]]
    assert reasons["lines.jsonl:2"].startswith("lines.jsonl:2: ")
    assert "be an existing file" in reasons[names[4]]
    outcome = presage("predict", shapes_npz, names[0], names[2], "--database", experienced, "--quiet")
    assert outcome.code == 2  # nothing is left to answer for
    assert outcome.err.count("\n") == 1
    assert "resnet19" in outcome.err


def test_auto_gives_a_network_the_side_it_needs(
    presage: Callable, shapes_npz: Path, experienced: Path, nets: str
) -> None:
    words = ("--image-side", "auto", "--predictor", "cost-only", "--database", experienced, "--json", "--quiet")
    outcome = presage("predict", shapes_npz, f"{nets}:large", *words)
    assert outcome.code == 0
    assert outcome.json["recipe"]["image_side"] == 16


def test_a_network_of_unknown_operations_is_beyond_experience(shapes_npz: Path, experienced: Path) -> None:
    session = Session(experienced, predictor="boosted-trees")
    with session.open() as database:
        assert {"input", "convolution", "classifier"} < database.operations()
        assert "parametric_relu" not in database.operations()
    layers = [nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)]
    known = nn.Sequential(*layers)
    unknown = nn.Sequential(layers[0], nn.PReLU(8), *layers[2:])
    rows = public.predict(str(shapes_npz), [known, unknown], predictor="boosted-trees", database=experienced)
    assert rows[1].distance is not None
    assert rows[1].distance >= UNKNOWN
    assert rows[1].extrapolation in ("beyond", "far")
    assert rows[0].notes == ()


def test_in_python_what_is_refused_is_warned_of(shapes_npz: Path, experienced: Path, nets: str) -> None:
    small = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    message = "Sequential is left out: Sequential cannot take images of 1×16×16; it takes 8×8"
    with pytest.warns(NetworkWarning, match=message):
        (row,) = public.predict(
            str(shapes_npz), [f"{nets}:fits", small], predictor="cost-only", database=experienced
        )  # fmt: skip
    assert row.name == f"{nets}:fits"
    with pytest.warns(NetworkWarning, match="torchvision:resnet19 is left out: No network of torchvision is named"):
        (row,) = public.predict(
            str(shapes_npz), ["torchvision:resnet19", f"{nets}:fits"], predictor="cost-only", database=experienced
        )  # fmt: skip
    with pytest.raises(UnknownName, match="resnet19"):
        public.predict(str(shapes_npz), "torchvision:resnet19", predictor="cost-only", database=experienced)
    with warnings.catch_warnings():
        warnings.simplefilter("error", NetworkWarning)
        assert len(public.predict(str(shapes_npz), f"{nets}:fits", predictor="cost-only", database=experienced)) == 1


def test_train_answers_for_those_that_fit(presage: Callable, shapes_npz: Path, nets: str, tmp_path: Path) -> None:
    outcome = presage(
        "train", shapes_npz, f"{nets}:fits(3)", f"{nets}:large", "--image-side", 8, "--epochs", 1, "--train-images", 40,
        "--database", tmp_path / "own.duckdb", "--out", tmp_path / "models", "--json", "--quiet", "--device", "cpu",
    )  # fmt: skip
    assert outcome.code == 1
    (row,) = outcome.json["trained"]
    assert row["status"] == "finished"
    assert row["notes"] == ["its stem takes 3 channels, here 1"]
    assert "it takes 16×16" in outcome.json["refused"][0]["reason"]
