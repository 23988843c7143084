"""Which image files a folder holds, in which class, to train or to test on. Nothing is opened here."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from presage.training.datasets.image_dataset import FEWEST_CLASSES, MOST_CLASSES, refusal
from presage.training.datasets.image_file import SUFFIXES

__all__ = ["Layout", "find_layout"]

_TRAIN = frozenset(("train", "training"))
_TEST = frozenset(("test", "testing"))
_VALIDATION = frozenset(("val", "valid", "validation"))
_MOST_SHOWN = 8

Identity = tuple[int, int]  # device and inode: two names of one folder share it


@dataclass(frozen=True)
class Layout:
    """The files of a folder; labels are places in `classes`.

    Attributes:
        classes: names of the class folders, sorted.
        train: (file, label), sorted by class, then by path.
        test: likewise; empty where the folder has no test set.
        warnings: what was merged or passed over.
    """

    classes: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]
    warnings: tuple[str, ...]


def find_layout(root: Path) -> Layout:
    """Find class folders in `root`, or in its `train` and `test` (see `presage.training.datasets.folder.load_folder`).

    Raises:
        InvalidDataset: no class folders, too few or too many, a class with a single image, a test class that is not
            trained on, a folder that cannot be listed.
    """
    try:
        return _Walk(root).layout()
    except OSError as error:
        raise refusal("folders", root, "be readable", f"{type(error).__name__}: {error}") from None


@dataclass
class _Walk:
    root: Path
    seen: set[Identity] = field(default_factory=set)
    warnings: list[str] = field(default_factory=list)

    def layout(self) -> Layout:
        train_folders, test_folders = self._roles()
        train = self._classes(train_folders)
        _check_number(self.root, train_folders[0], train)
        test = self._classes(test_folders)
        unseen = sorted(name for name in test.keys() - train.keys() if test[name])
        if unseen:
            rule = f"hold no class that `{train_folders[0].name}` lacks"
            raise refusal(test_folders[0].name, self.root, rule, _listed(unseen))
        if test_folders and not any(test.values()):
            raise refusal(test_folders[0].name, self.root, "hold images in class folders", "none")
        classes = tuple(sorted(train))
        _check_counts(self.root, classes, train, test)
        return Layout(
            classes,
            tuple((path, label) for label, name in enumerate(classes) for path in train[name]),
            tuple((path, label) for label, name in enumerate(classes) for path in test.get(name, ())),
            tuple(self.warnings),
        )

    def _roles(self) -> tuple[list[Path], list[Path]]:
        """(folders whose class folders are trained on, and those whose are tested on)."""
        folders = _subfolders(self.root)
        train, test, validation = (
            [folder for folder in folders if folder.name.lower() in role] for role in (_TRAIN, _TEST, _VALIDATION)
        )
        if not train or (not test and not validation and len(folders) > 1):
            return [self.root], []
        if not test and not validation:  # `train` alone
            return (train, []) if _subfolders(train[0]) else ([self.root], [])
        others = [folder.name for folder in folders if folder not in {*train, *test, *validation}]
        if others:
            self.warnings.append(f"Passed over {_listed(others)} in `{self.root}`, which has train and test folders.")
        used = _listed([folder.name for folder in validation])
        if not test:
            self.warnings.append(f"Took {used} of `{self.root}` as the test set, as there is no `test` folder.")
            return train, validation
        if validation:
            self.warnings.append(f"Trained on {used} of `{self.root}` too: presage draws its own validation images.")
        return train + validation, test

    def _classes(self, folders: list[Path]) -> dict[str, list[Path]]:
        """Image files by the name of their class folder."""
        found: dict[str, list[Path]] = {}
        for folder in folders:
            self.seen.add(_identity(folder))
            loose = sum(_is_image(entry) for entry in _entries(folder))
            if loose:
                self.warnings.append(f"Passed over images in no class folder: {loose} in `{folder}`.")
            fresh = [sub for sub in _subfolders(folder) if self._first_time(sub)]
            for sub in fresh:  # all class folders count as read before any is, lest one leads into another
                found.setdefault(sub.name, []).extend(self._images(sub))
        return found

    def _images(self, folder: Path) -> list[Path]:
        """Image files in a folder and in the folders below it, sorted by path."""
        found: list[Path] = []
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            found += [Path(entry.path) for entry in _entries(current) if _is_image(entry)]
            waiting += [sub for sub in _subfolders(current) if self._first_time(sub)]
        return sorted(found)

    def _first_time(self, folder: Path) -> bool:
        identity = _identity(folder)
        if identity in self.seen:
            self.warnings.append(f"Passed over `{folder}`, which leads to a folder that is read already.")
            return False
        self.seen.add(identity)
        return True


def _check_number(root: Path, folder: Path, train: dict[str, list[Path]]) -> None:
    where = "folders" if folder == root else folder.name
    if not train:
        hint = "Put the images of each class into a folder of its own."
        raise refusal(where, root, f"include {FEWEST_CLASSES} to {MOST_CLASSES:,} class folders", "none", hint)
    if not FEWEST_CLASSES <= len(train) <= MOST_CLASSES:
        only = folder / next(iter(train))
        inner = len(train) == 1 and len(_subfolders(only)) >= FEWEST_CLASSES
        got = f"{len(train):,} ({_listed(sorted(train))})"
        hint = f"Did you mean `{only}`?" if inner else ""
        raise refusal(where, root, f"include {FEWEST_CLASSES} to {MOST_CLASSES:,} class folders", got, hint)


def _check_counts(
    root: Path, classes: tuple[str, ...], train: dict[str, list[Path]], test: dict[str, list[Path]]
) -> None:
    if not any(train.values()):
        known = ", ".join(sorted(SUFFIXES))
        raise refusal("class folders", root, f"hold images ({known})", "none")
    for name in classes:
        both = len(train[name]) + len(test.get(name, ()))
        if both < 2:
            raise refusal("classes", root, "have at least 2 images each", f"{both} in `{name}`")
        if not train[name]:
            raise refusal("classes", root, "have an image to train on each", f"none in `{name}`")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What a folder holds but hidden entries and those of archivers (`__MACOSX`), sorted by name."""
    with os.scandir(folder) as entries:
        visible = [entry for entry in entries if not entry.name.startswith((".", "__"))]
    return sorted(visible, key=lambda entry: entry.name)


def _subfolders(folder: Path) -> list[Path]:
    return [Path(entry.path) for entry in _entries(folder) if entry.is_dir()]


def _is_image(entry: os.DirEntry[str]) -> bool:
    """Whether the name says so; a dangling link counts, so that it is reported."""
    return Path(entry.name).suffix.lower() in SUFFIXES and (entry.is_file() or _dangling(entry))


def _dangling(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not Path(entry.path).exists()


def _identity(folder: Path) -> Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST_SHOWN])
    return shown + (f" and {len(names) - _MOST_SHOWN:,} more" if len(names) > _MOST_SHOWN else "")
