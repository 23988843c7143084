"""What a source of images holds that is not taken: counted and named, so that nothing is passed over in silence."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

__all__ = ["LeftOut", "LeftOutLog", "counted", "hint_for", "listed", "told"]

_MOST_SHOWN = 8

_WORDS = {  # kind → for one, for several
    "hidden": ("1 hidden file or folder", "{n:,} hidden files or folders"),
    "system": ("1 file or folder of the system", "{n:,} files or folders of the system"),
    "no image": ("1 file that is no image", "{n:,} files that are no images"),
    "unreadable kind": (
        "1 image of a kind that Pillow cannot read here",
        "{n:,} images of kinds that Pillow cannot read here",
    ),
    "no class": ("1 image in no class folder", "{n:,} images in no class folder"),
    "beside": ("1 folder beside train and test", "{n:,} folders beside train and test"),
    "read already": ("1 link to a folder that is read already", "{n:,} links to folders that are read already"),
    "array": ("1 array", "{n:,} arrays"),
    "frames": ("all but the first frame of 1 image", "all but the first frame of {n:,} images"),
    "transparency": ("the transparency of 1 image, put on white", "the transparency of {n:,} images, put on white"),
    "lower bits": (
        "the lower bits of 1 image of 16 bits with transparency",
        "the lower bits of {n:,} images of 16 bits with transparency",
    ),
}


@dataclass(frozen=True)
class LeftOut:
    """What was left out of a dataset for one reason.

    Attributes:
        kind: the reason: `hidden`, `system`, `no image`, `unreadable kind`, `no class`, `beside`, `read already`,
            `array`, or, of images that are taken all the same, `frames`, `transparency`, `lower bits`.
        names: of each file, folder or array, below the dataset's folder or file.
    """

    kind: str
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """*2 files that are no images (`a.txt`, `b.csv`)*."""
        one, several = _WORDS[self.kind]
        return f"{one if len(self.names) == 1 else several.format(n=len(self.names))} ({listed(self.names)})"


class LeftOutLog:
    """Notes what is left out, by kind, in the order of the kinds that `LeftOut` lists."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}

    def add(self, kind: str, name: str) -> None:
        """Note one; each once."""
        names = self._names.setdefault(kind, [])
        if name not in names[-1:]:
            names.append(name)

    @property
    def found(self) -> tuple[LeftOut, ...]:
        """One for each kind of which there are any."""
        return tuple(LeftOut(kind, tuple(dict.fromkeys(self._names[kind]))) for kind in _WORDS if kind in self._names)


def told(owner: object, left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """One line that counts and names all of it; none where nothing was left out."""
    found = tuple(left_out)
    hint = hint_for(found)
    said = f"Left out of `{owner}`: {'; '.join(item.words for item in found)}."
    return (f"{said} {hint}" if hint else said,) if found else ()


def hint_for(left_out: Iterable[LeftOut]) -> str:
    """What to install for images that cannot be read here; empty where nothing helps."""
    names = [name.lower() for item in left_out if item.kind == "unreadable kind" for name in item.names]
    heif = any(name.endswith((".heic", ".heif", ".hif")) for name in names)
    return 'Type `pip install "presage[heif]"` for .heic.' if heif else ""


def counted(images: int) -> str:
    """*1 image*, *1,200 images*."""
    return f"{images:,} image{'' if images == 1 else 's'}"


def listed(names: Iterable[str] | Mapping[str, object], most: int = _MOST_SHOWN) -> str:
    """*`a`, `b` and 3 more*."""
    every = list(names)
    shown = ", ".join(f"`{name}`" for name in every[:most])
    return shown + (f" and {len(every) - most:,} more" if len(every) > most else "")
