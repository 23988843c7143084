"""`presage.search` and `presage.probe` are packages and functions at once."""

from __future__ import annotations

import inspect
import pydoc
import subprocess
import sys

import pytest

import presage
from presage import api


@pytest.mark.parametrize("name", ["probe", "search"])
def test_what_is_called_says_what_it_takes(name: str) -> None:
    both, function = getattr(presage, name), getattr(api, name)
    assert callable(both)
    assert inspect.signature(both) == inspect.signature(function)
    assert next(iter(inspect.signature(both).parameters)) == "dataset"
    documented = inspect.getdoc(both)
    assert documented is not None
    assert documented.startswith(inspect.getdoc(function))
    assert f"Called as ``presage.{name}(dataset: " in documented
    assert inspect.getmodule(both) is both
    assert inspect.getsourcefile(both) == both.__file__


@pytest.mark.parametrize("name", ["probe", "search"])
def test_help_tells_of_the_function_and_of_the_package(name: str) -> None:
    text = pydoc.render_doc(getattr(presage, name), renderer=pydoc.plaintext)
    assert f"presage.{name} - " in text
    assert "Args:" in text
    assert "Raises:" in text
    assert "PACKAGE CONTENTS" in text


def test_a_call_reaches_the_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "search", lambda *given, **named: (given, named))
    assert presage.search("digits", space="nb201") == (("digits",), {"space": "nb201"})
    from presage.search import get_sampler

    assert presage.search.get_sampler is get_sampler


@pytest.mark.parametrize("before", ["", "import presage.search.limits", "from presage.search import Limits"])
def test_it_can_be_called_however_the_package_was_imported_before(before: str) -> None:
    code = f"{before}\nimport presage\nassert callable(presage.search)\nprint(presage.search.__doc__.split('.')[0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Search a space on predicted accuracy and train the short-list")
