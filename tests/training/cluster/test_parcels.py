from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from presage.errors import InvalidArgument
from presage.training.cluster.parcels import packed, unpacked


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the machine keeps what came."""
    place = tmp_path / "tmp"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


class Store:
    """Counts what is fetched."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.fetched = 0

    def put(self, content: Any) -> int:
        self.kept.append(content)
        return len(self.kept) - 1

    def fetch(self, at: int) -> Any:
        self.fetched += 1
        return self.kept[at]


def folder_of(place: Path, **files: bytes) -> Path:
    place.mkdir()
    for name, content in files.items():
        (place / name).write_bytes(content)
    return place


def test_a_folder_arrives_whole_and_is_fetched_once(tmp_path: Path, temporary: Path) -> None:
    sent, store = folder_of(tmp_path / "sent", a=bytes(range(256)), b=b""), Store()
    parcel = packed(sent, store.put)
    for path in sent.iterdir():
        path.unlink()
    there = unpacked(parcel, store.fetch)
    assert {path.name: path.read_bytes() for path in there.iterdir()} == {"a": bytes(range(256)), "b": b""}
    assert unpacked(parcel, store.fetch) == there
    assert store.fetched == 2
    assert there.is_relative_to(temporary)
    assert there.parent.stat().st_mode & 0o777 == 0o700


def test_parcels_are_known_by_content_not_by_place(tmp_path: Path) -> None:
    put: Callable[[Any], Any] = lambda content: content  # noqa: E731 - what it is is of no matter
    one, same, other, renamed = (
        packed(folder_of(tmp_path / name, **files), put).name
        for name, files in (("1", {"a": b"x"}), ("2", {"a": b"x"}), ("3", {"a": b"y"}), ("4", {"b": b"x"}))
    )
    assert one == same
    assert len({one, other, renamed}) == 3


def test_what_breaks_off_leaves_nothing_that_looks_whole(tmp_path: Path, temporary: Path) -> None:
    store = Store()
    parcel = packed(folder_of(tmp_path / "sent", a=b"x", b=b"y"), store.put)

    def breaks(at: int) -> Any:
        if at == 1:
            raise ConnectionError
        return store.fetch(at)

    with pytest.raises(ConnectionError):
        unpacked(parcel, breaks)
    assert not [*next(temporary.iterdir()).iterdir()]
    assert {path.name for path in unpacked(parcel, store.fetch).iterdir()} == {"a", "b"}


def test_what_was_not_used_for_a_day_goes_when_another_comes(tmp_path: Path, temporary: Path) -> None:
    store = Store()
    old, used = (
        unpacked(packed(folder_of(tmp_path / name, a=name.encode()), store.put), store.fetch)
        for name in ("old", "used")
    )
    os.utime(old, (0, time.time() - 25 * 3600))
    unpacked(packed(folder_of(tmp_path / "new", a=b"new"), store.put), store.fetch)
    assert not old.exists()
    assert used.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="the system knows no owners")
def test_a_folder_of_somebody_else_is_not_trusted(tmp_path: Path, temporary: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (temporary / f"presage-{os.getuid()}").symlink_to(tmp_path / "theirs")
    store = Store()
    with pytest.raises(InvalidArgument, match="somebody else's"):
        unpacked(packed(folder_of(tmp_path / "sent", a=b"x"), store.put), store.fetch)
    assert not [*(tmp_path / "theirs").iterdir()]
