"""Networks as people name them: libraries, modules, files, with literal arguments."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from presage.architectures import read_networks
from presage.errors import WrongInput
from presage.network_names import named_modules

SOURCE = """
from torch import nn
from beside_this_network import WIDTH

class Group:
    @staticmethod
    def small(width=WIDTH, *, deep=False):
        layers = [nn.Conv2d(3, width, 3), nn.ReLU()] + ([nn.Conv2d(width, width, 3)] if deep else [])
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))

class Net(nn.Sequential):
    def __init__(self, width: int = 4) -> None:
        super().__init__(nn.Flatten(), nn.Linear(3 * 8 * 8, width), nn.Linear(width, 2))

ready = Net(3)
number = 7
def wrong():
    return number
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "beside_this_network.py").write_text("WIDTH = 6\n")
    (tmp_path / "my nets.py").write_text(SOURCE)
    return str(tmp_path / "my nets.py")


def parameters(text: str) -> int:
    (named,) = named_modules(text)
    assert named.name == text
    return sum(parameter.numel() for parameter in named.make().parameters())


def test_a_class_or_function_of_a_file_is_called_with_literal_arguments(file: str) -> None:
    assert parameters(f"{file}:Net") == 192 * 4 + 4 + 4 * 2 + 2
    assert parameters(f"{file}:Net(2)") == 192 * 2 + 2 + 2 * 2 + 2
    assert parameters(f"{file}:ready") == 192 * 3 + 3 + 3 * 2 + 2
    assert parameters(f"{file}:Group.small") == 27 * 6 + 6 + 6 * 5 + 5
    assert parameters(f"{file}:Group.small(width=2, deep=True)") == 27 * 2 + 2 + 36 + 2 + 2 * 5 + 5


def test_a_callable_of_a_module_is_called_with_literal_arguments() -> None:
    assert parameters("torch.nn:Linear(3, out_features=2, bias=False)") == 6


@pytest.mark.parametrize(
    "arguments",
    [
        "(__import__('os').getcwd())",
        "(width=open('x'))",
        "(*[1])",
        "(**{'width': 1})",
        "(1",
        "(1)(2)",
        "(1) or f()",
        "(x)",
    ],
)
def test_nothing_of_a_name_is_evaluated(file: str, arguments: str) -> None:
    with pytest.raises(WrongInput, match="must have literal arguments only") as refusal:
        named_modules(f"{file}:Net{arguments}")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no_such_file.py:Net", "name an existing file before the colon"),
        ("FILE:missing", "name a callable of the file"),
        ("FILE:number", "name a callable of the file"),
        ("FILE:", "must be a file of architecture JSON"),
        ("no_such_module_at_all:net", "names a module that cannot be imported: ModuleNotFoundError"),
        (
            "torchvision:resnet19",
            r"^No network of torchvision is named `resnet19`\. Did you mean `resnet18`\? 80 are known, "
            r"resnet152, resnet101, resnet50, resnet34 among them\.$",
        ),
        ("torchvision:nothing*", "must fit the name of a network of torchvision"),
    ],
)
def test_a_wrong_name_is_said_in_one_line(file: str, name: str, message: str) -> None:
    with pytest.raises(WrongInput, match=message) as refusal:
        read_networks([name.replace("FILE", file)])
    assert "\n" not in str(refusal.value)


def test_a_network_that_cannot_be_built_is_said_when_it_is(file: str) -> None:
    (named,) = named_modules(f"{file}:Net('wide')")
    with pytest.raises(WrongInput, match="failed when called with these arguments: TypeError"):
        named.make()
    (named,) = named_modules(f"{file}:wrong")
    with pytest.raises(WrongInput, match=r"give a torch\.nn\.Module"):
        named.make()


def test_a_broken_file_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(3)")
    for _ in range(2):
        with pytest.raises(WrongInput, match="names a file that cannot be imported: SystemExit"):
            named_modules(f"{tmp_path / 'broken.py'}:Net")


def test_a_library_is_asked_by_name_or_pattern_without_weights() -> None:
    (named,) = named_modules("torchvision:mobilenet_v3_small(num_classes=7)")
    module = named.make()
    assert isinstance(module.classifier, nn.Sequential)
    assert module.classifier[-1].out_features == 7
    found = [named.name for named in named_modules("torchvision:shufflenet_v2_*")]
    assert found == [f"torchvision:shufflenet_v2_x{size}" for size in ("0_5", "1_0", "1_5", "2_0")]
    assert not any("fasterrcnn" in named.name for named in named_modules("torchvision:*"))


def test_timm_is_asked_by_name_or_pattern() -> None:
    pytest.importorskip("timm", reason="the extra presage[timm] is not installed")
    found = named_modules("timm:test_efficientnet*")
    assert "timm:test_efficientnet" in [named.name for named in found]
    (named,) = named_modules("timm:test_efficientnet")
    assert sum(parameter.numel() for parameter in named.make().parameters()) > 100_000
