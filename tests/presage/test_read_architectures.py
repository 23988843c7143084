"""Architectures named on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from presage.architecture.costs import costs
from presage.architecture.serial import dumps, to_json
from presage.architecture.spaces import get_space
from presage.architectures import read_architectures
from presage.errors import InvalidArchitecture, WrongInput


def a_network() -> str:
    space = get_space("nb201")
    return dumps(space.decode(space.params(space.codes([{p.name: p.choices[-1] for p in space.parameters}])[0])))


def test_a_json_object_over_several_lines_is_one_architecture(tmp_path: Path) -> None:
    import json

    from presage.architecture.serial import loads

    file = tmp_path / "one.json"
    file.write_text(json.dumps(to_json(loads(a_network())), indent=2))
    (named,) = read_architectures([str(file)])
    assert named.name == "one.json"
    assert named.architecture.hash == loads(a_network()).hash


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_file_may_be_written_in_any_unicode(tmp_path: Path, encoding: str, ending: str) -> None:
    from presage.architecture.serial import loads, read_jsonl

    file = tmp_path / "windows.jsonl"
    file.write_bytes((a_network() + ending + a_network() + ending).encode(encoding))
    assert [named.name for named in read_architectures([str(file)])] == ["windows.jsonl:1", "windows.jsonl:2"]
    assert read_jsonl(file) == [loads(a_network())] * 2


def test_what_a_search_left_of_its_best_network_is_read(tmp_path: Path) -> None:
    import json

    from presage.architecture.serial import loads

    described = {"format": "presage-network", "version": 1, "architecture": to_json(loads(a_network())), "classes": 3}
    file = tmp_path / "architecture.json"
    file.write_text(json.dumps(described, indent=1))
    (named,) = read_architectures([str(file)])
    assert named.architecture == loads(a_network())
    file.write_text(json.dumps({**described, "architecture": None}))
    with pytest.raises(InvalidArchitecture, match=r"architecture\.json:"):
        read_architectures([str(file)])


def test_a_wrong_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "two.jsonl"
    file.write_text(a_network() + "\n" + a_network().replace('"convolution"', '"convolutoin"', 1) + "\n")
    with pytest.raises(InvalidArchitecture, match=r"two\.jsonl:2: .*convolutoin"):
        read_architectures([str(file)])


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"\n\n", b"[]", b"{"])
def test_a_file_without_architectures_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "bad.json"
    file.write_bytes(content)
    with pytest.raises(WrongInput) as refusal:
        read_architectures([str(file)])
    assert "\n" not in str(refusal.value)


def test_a_callable_of_the_users_own_module_is_found_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_networks_of_this_test.py").write_text(
        "from torch import nn\n"
        "def small():\n"
        "    end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 7)]\n"
        "    return nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), *end)\n"
        "def broken():\n"
        "    raise RuntimeError('on purpose')\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (named,) = read_architectures(["my_networks_of_this_test:small"])
    # 3·4·9 + 4 weights of the convolution, 4·10 + 10 of the classifier bound to ten classes
    assert costs(named.architecture, (3, 16, 16), 10).parameters == 112 + 50
    with pytest.raises(WrongInput, match="on purpose"):
        read_architectures(["my_networks_of_this_test:broken"])


@pytest.mark.parametrize("code", ["1 +", "undefined_name", "raise SystemExit(3)", "import no_such_module_at_all"])
def test_a_module_that_cannot_be_imported_is_said_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    name = f"broken_module_{abs(hash(code))}"
    (tmp_path / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WrongInput, match=name) as refusal:
        read_architectures([f"{name}:network"])
    assert "\n" not in str(refusal.value)


def test_what_a_users_module_prints_stays_off_stdout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a_module_that_talks.py").write_text(
        "from torch import nn\n"
        "print('imported')\n"
        "def network():\n"
        "    print('called')\n"
        "    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    read_architectures(["a_module_that_talks:network"])
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "imported\ncalled\n"


def test_a_network_for_grey_images_is_followed_on_grey_images() -> None:
    from torch import nn

    from presage.architectures import traced

    grey = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert costs(traced(grey, "grey"), (1, 8, 8), 2).parameters == 40 + 10
