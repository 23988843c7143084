"""One process holds a file at a time (that death lets go: `test_shards.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from presage.training.lock import held


class Refused(Exception):
    """What a caller of `held` wants raised."""


def test_a_file_is_held_once_and_the_refusal_is_the_callers(tmp_path: Path) -> None:
    path, refusal = tmp_path / "new" / "folder" / "lock", Refused("taken")
    with held(path, refusal):
        with pytest.raises(Refused) as caught, held(path, refusal):
            raise AssertionError("held twice")
        assert caught.value is refusal
    with held(path, refusal):
        pass


def test_an_error_within_the_block_lets_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), held(tmp_path / "lock", Refused()):
        raise ZeroDivisionError
    with held(tmp_path / "lock", Refused()):
        pass


def test_what_was_in_the_file_stays(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("kept")
    with held(tmp_path / "lock", Refused()):
        pass
    assert (tmp_path / "lock").read_text() == "kept"
