"""`presage completion`: what bash is told is what the command line takes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("shtab", reason="the extra presage[completion] is not installed")


@pytest.fixture
def completed(presage: Callable, tmp_path: Path) -> Callable[..., set[str]]:
    """What bash offers for the last of the words."""
    if shutil.which("bash") is None:
        pytest.skip("there is no bash here")
    (tmp_path / "script").write_text(presage("completion", "bash").out)
    (tmp_path / "photos.npz").touch()

    def complete(*words: str) -> set[str]:
        quoted = " ".join(f"'{word}'" for word in ("presage", *words))
        code = (
            f"source ./script; COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; "
            f"_shtab_presage presage '{words[-1]}' '{['presage', *words][-2]}'; "
            'printf "%s\\n" "${COMPREPLY[@]}"'
        )
        found = subprocess.run(["bash", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return set(found.stdout.split())

    return complete


def test_bash_completes_commands_options_choices_and_files(completed: Callable[..., set[str]]) -> None:
    assert completed("se") == {"search"}
    assert {"--max-params", "--max-macs"} <= completed("search", "--max-")
    assert completed("database", "que") == {"query"}
    assert completed("search", "--device", "cu") == {"cuda"}
    assert completed("probe", "pho") == {"photos.npz"}


@pytest.mark.parametrize("shell", ["bash", "zsh", "tcsh"])
def test_every_shell_gets_a_script(presage: Callable, shell: str) -> None:
    outcome = presage("completion", shell)
    assert outcome.code == 0
    assert "doctor" in outcome.out


def test_without_shtab_the_extra_is_named(presage: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "shtab", None)
    outcome = presage("completion", "bash")
    assert outcome.code == 2
    assert "pip install 'presage[completion]'" in outcome.err
