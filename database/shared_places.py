"""Where a team's parts lie: a folder that all can write to, or a bucket of an object store.

Files only ever appear, whole, under a name that says their content: any number of writers need no lock.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from presage.database.parts import MOST_BYTES, digest_of, is_part
from presage.errors import InvalidArgument, InvalidDatabase, PlaceUnreachable, PresageError
from presage.files import replacing
from presage.places import user_path

__all__ = ["ObjectStore", "SharedFolder", "SharedPlace", "shared_place"]

_OWNER = "presage database sync"
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_EXTRAS = {"s3": "presage[s3]", "gs": "presage[gs]"}
_CHUNK = 1 << 20


class SharedPlace(Protocol):
    """What a sync needs of a place. Errors are presage's own."""

    def names(self) -> list[str]:
        """Of the parts that are there, sorted."""

    def fetch(self, name: str, to: Path) -> None:
        """Copy a part to a file.

        Raises:
            InvalidDatabase: its content is not what its name says, or larger than parts may be.
        """

    def put(self, part: Path) -> None:
        """Leave a part there, whole or not at all; nothing where it is there already."""


def shared_place(text: str) -> SharedPlace:
    """The place that a user names: a folder, ``s3://BUCKET/PREFIX`` or ``gs://BUCKET/PREFIX``.

    Raises:
        InvalidArgument: another scheme, no bucket, or what reads it is not installed (says what to type).
        PlaceUnreachable: the object store cannot be asked.
    """
    found = _SCHEME.match(text)
    if found is None:
        return SharedFolder(user_path(text, "PLACE", _OWNER))
    scheme, root = found["scheme"].lower(), text[found.end() :].strip("/")
    if scheme not in _EXTRAS or not root or "::" in text:
        rule = f"be a folder, or {' or '.join(f'{one}://BUCKET/PREFIX' for one in _EXTRAS)}"
        raise InvalidArgument("PLACE", _OWNER, rule, text)
    try:
        import fsspec

        with _reached(text):
            filesystem = fsspec.filesystem(scheme, use_listings_cache=False)
    except ImportError:
        hint = f"Type: pip install '{_EXTRAS[scheme]}'"
        raise InvalidArgument("PLACE", _OWNER, "be of a store whose client is installed", text, hint) from None
    return ObjectStore(filesystem, root, text)


class SharedFolder:
    """A folder; made where there is none."""

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise InvalidArgument("PLACE", _OWNER, "be a folder", str(folder))
        self.folder = folder

    def names(self) -> list[str]:
        """See `SharedPlace`."""
        with _reached(str(self.folder)):
            self.folder.mkdir(parents=True, exist_ok=True)
            return sorted(path.name for path in self.folder.iterdir() if is_part(path.name) and path.is_file())

    def fetch(self, name: str, to: Path) -> None:
        """See `SharedPlace`."""
        with _reached(str(self.folder)), (self.folder / name).open("rb") as source:
            _copied(source, name, to)

    def put(self, part: Path) -> None:
        """See `SharedPlace`."""
        if (self.folder / part.name).exists():
            return
        with _reached(str(self.folder)), replacing(self.folder / part.name) as draft:
            shutil.copyfile(part, draft)


class ObjectStore:
    """A bucket, or what lies under a prefix of it; an object appears whole when its upload has ended.

    Args:
        filesystem: of fsspec.
        root: bucket and prefix.
        text: as the user wrote it.
    """

    def __init__(self, filesystem: Any, root: str, text: str) -> None:
        self.filesystem, self.root, self.text = filesystem, root, text

    def names(self) -> list[str]:
        """See `SharedPlace`."""
        with _reached(self.text):
            try:
                found = self.filesystem.ls(self.root, detail=False)
            except FileNotFoundError:  # nothing lies there yet; a bucket that does not exist is said on writing
                return []
        return sorted(name for name in (str(path).rpartition("/")[2] for path in found) if is_part(name))

    def fetch(self, name: str, to: Path) -> None:
        """See `SharedPlace`."""
        with _reached(self.text), self.filesystem.open(f"{self.root}/{name}", "rb") as source:
            _copied(source, name, to)

    def put(self, part: Path) -> None:
        """See `SharedPlace`."""
        with _reached(self.text):
            if not self.filesystem.exists(f"{self.root}/{part.name}"):
                self.filesystem.put_file(str(part), f"{self.root}/{part.name}")


def _copied(source: Any, name: str, to: Path) -> None:
    digest, size = hashlib.sha256(), 0
    with replacing(to) as draft, draft.open("wb") as stream:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise InvalidDatabase(f"The part {name} is larger than the {MOST_BYTES:,} bytes that are taken in.")
            digest.update(chunk)
            stream.write(chunk)
    if digest.hexdigest() != digest_of(name):
        raise InvalidDatabase(f"The part {name} is damaged: its content is not what its name says.")


@contextmanager
def _reached(place: str) -> Iterator[None]:
    """What a disk or a client of an object store raises, in one line."""
    try:
        yield
    except (PresageError, ImportError):
        raise
    except Exception as error:  # each client has errors of its own
        line = " ".join(str(error).split())[:200] or type(error).__name__
        raise PlaceUnreachable(
            f"The shared place {place} cannot be reached: {line.rstrip('.')}. What was done before stands; repeat."
        ) from error
