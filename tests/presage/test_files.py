"""Files that are whole or not there, lines that a kill cannot damage, and a file held once."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from presage.errors import StorageFull
from presage.files import append, held, read_json, replacing, replacing_folder, trim, write_json


class Refused(Exception):
    """What a caller of `held` wants raised."""


def raise_after(written: object) -> NoReturn:
    """The block fails when something has been written already."""
    raise ZeroDivisionError


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


def test_death_lets_go(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time; from presage.files import held\n"
        "with held(pathlib.Path(sys.argv[1]), ValueError()): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(Refused), held(tmp_path / "lock", Refused()):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with held(tmp_path / "lock", Refused()):
        pass


def test_a_file_is_replaced_whole_or_stays_and_no_draft_is_left(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    write_json(path, {"a": "ö"})
    with pytest.raises(ZeroDivisionError), replacing(path) as draft:
        raise_after(draft.write_text("half"))
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert read_json(path) == {"a": "ö"}
    assert [file.name for file in path.parent.iterdir()] == ["a.json"]
    assert read_json(tmp_path / "missing.json") is None


def test_a_folder_is_replaced_whole_or_stays_and_nothing_else_is_left(tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    for content in ("old", "new"):
        with replacing_folder(folder) as made:
            (made / content).touch()
    assert [file.name for file in folder.iterdir()] == ["new"]
    with pytest.raises(ZeroDivisionError), replacing_folder(folder) as made:
        raise_after((made / "half").touch())
    assert [file.name for file in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_in_one_line_and_leaves_what_was_there(tmp_path: Path, number: int) -> None:
    write_json(tmp_path / "a.json", 1)
    for replace in (replacing, replacing_folder):
        rule = r"The disk is full \(no room\): .*a.json was not"
        with pytest.raises(StorageFull, match=rule), replace(tmp_path / "a.json"):
            raise OSError(number, "no room")
    assert read_json(tmp_path / "a.json") == 1
    assert [file.name for file in tmp_path.iterdir()] == ["a.json"]


def test_other_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), replacing(tmp_path / "a"):
        raise PermissionError(errno.EACCES, "not allowed")


@pytest.mark.parametrize("torn", [b"", b"x", b"x" * 200_000])
@pytest.mark.parametrize("whole", [b"", b"1\n", b"y" * 70_000 + b"\n2\n"])
def test_lines_are_added_after_the_last_whole_one(tmp_path: Path, whole: bytes, torn: bytes) -> None:
    path = tmp_path / "new" / "lines"
    append(path, b"")
    path.write_bytes(whole + torn)
    append(path, b"3\n4\n")
    assert path.read_bytes() == whole + b"3\n4\n"
    path.write_bytes(whole + torn)
    assert trim(path) == len(whole)
    assert path.read_bytes() == whole


def test_a_full_disk_leaves_the_lines_written_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(tmp_path / "lines", b"1\n")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFull, match="keeps all lines written before"):
        append(tmp_path / "lines", b"2\n")
    assert (tmp_path / "lines").read_bytes() == b"1\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")
def test_a_disk_that_fills_up_while_a_line_is_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "lines").symlink_to("/dev/full")
    with pytest.raises(StorageFull, match="keeps all lines"):
        append(tmp_path / "lines", b"1\n")


def test_names_that_are_no_utf8_are_written_and_read_back_as_they_were(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9\\.png")
    write_json(tmp_path / "a.json", {"image": name, "é": 1})
    assert "caf\\udce9" in (tmp_path / "a.json").read_text(encoding="utf-8")  # UTF-8 throughout
    assert read_json(tmp_path / "a.json") == {"image": name, "é": 1}
