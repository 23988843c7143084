"""Seals: digests over all files of a kept predictor, checked before anything in them is parsed.

What is kept is parsed by libraries that trust it (LightGBM's reader of text ends the process, or never ends, on a
damaged one). So a seal is a keyed digest (HMAC-SHA256, RFC 2104): without a key it shows damage, and with this user's
key, 32 random bytes in the user's own data folder and nowhere else, also that presage wrote it here and that nobody
has changed it since. A cache that came along with somebody else's database bears no such seal, whatever it claims.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from pathlib import Path

from filelock import FileLock

from presage.database.paths import default_path
from presage.files import replacing

__all__ = ["SEAL", "own_key", "read_files", "seal"]

SEAL = "seal.txt"
MOST_BYTES = 512 << 20
_KEY_BYTES = 32


def seal(files: Mapping[str, bytes], key: bytes) -> bytes:
    """The seal of files by name; 64 hexadecimal digits."""
    digest = hmac.new(key or b"presage", digestmod=hashlib.sha256)
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode() + files[name])
    return digest.hexdigest().encode()


def read_files(folder: Path | Traversable, key: bytes) -> dict[str, bytes]:
    """All files of a folder but for the seal that they bear.

    Raises:
        ValueError: they do not bear it; something is no plain file, or all together are too large.
        OSError: they cannot be read.
    """
    files: dict[str, bytes] = {}
    left = MOST_BYTES
    for entry in folder.iterdir():
        if isinstance(entry, Path):  # else within an archive
            about = entry.lstat()
            left -= about.st_size
            if not stat.S_ISREG(about.st_mode) or left < 0:
                raise ValueError(f"`{entry.name}`, which is no plain file, or too large")
        files[entry.name] = entry.read_bytes()
    found = files.pop(SEAL, b"")
    if not hmac.compare_digest(found, seal(files, key)):
        raise ValueError("files that do not bear its seal: damaged, changed, or written elsewhere")
    return files


def own_key() -> bytes | None:
    """This user's key, made when it is first asked for; None where it cannot be kept."""
    try:
        file = default_path().with_name("seal.key")
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_name(f".{file.name}.lock")):
                if not file.exists():
                    with replacing(file) as draft:
                        draft.touch(0o600)
                        draft.write_bytes(os.urandom(_KEY_BYTES))
        key = file.read_bytes()
    except (OSError, ValueError, RuntimeError, NotImplementedError):  # no home, nothing may be written, a full disk
        return None
    return key if len(key) == _KEY_BYTES else None
