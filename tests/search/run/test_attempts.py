"""What goes wrong over one network ends no study; what goes wrong with the disk does, and blames no network."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import NoReturn

import pytest

from presage.search.run.attempts import attempt


def _raising(error: Exception) -> NoReturn:
    raise error


@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS, errno.ENOSPC, errno.EFBIG])
def test_a_disk_that_fails_is_no_crash_of_the_network(number: int, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="the disk") as caught:
        attempt(tmp_path, 0, lambda: _raising(OSError(number, "the disk")))
    assert caught.value.errno == number


def test_another_error_of_the_system_is_told_of_the_network(tmp_path: Path) -> None:
    found = attempt(tmp_path, 0, lambda: _raising(OSError(errno.ECHILD, "no child")))
    assert str(found).endswith("no child")
    assert str(found).startswith("ChildProcessError in test_attempts.py:")
