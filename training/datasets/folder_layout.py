"""Which image files a folder holds, in which class, to train or to test on."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from presage.training.datasets.folder_entries import Entries, folder_entries
from presage.training.datasets.image_dataset import FEWEST_CLASSES, MOST_CLASSES, refusal
from presage.training.datasets.image_formats import readable_suffixes
from presage.training.datasets.left_out import LeftOut, LeftOutLog, counted, hint_for, listed

__all__ = ["Layout", "find_layout"]

_TRAIN = frozenset(("train", "training"))
_TEST = frozenset(("test", "testing"))
_VALIDATION = frozenset(("val", "valid", "validation"))

Identity = tuple[int, int]  # device and inode: two names of one folder share it
Files = dict[str, list[Path]]  # by class


@dataclass(frozen=True)
class Layout:
    """The files of a folder; labels are places in `classes`.

    Attributes:
        classes: names of the class folders as they are written, sorted; two that differ only in how letters with
            marks are composed (Unicode's NFC and NFD) are one class.
        train: (file, label), sorted by class, then by path.
        test: likewise; empty where the folder has no test set.
        validation: those of `train` that the folder has to validate on; none where it has no such folder.
        warnings: what was merged.
        left_out: what was not taken.
    """

    classes: tuple[str, ...]
    train: tuple[tuple[Path, int], ...]
    test: tuple[tuple[Path, int], ...]
    warnings: tuple[str, ...]
    left_out: tuple[LeftOut, ...] = ()
    validation: frozenset[Path] = frozenset()


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
    written: dict[str, str] = field(default_factory=dict)  # a class in NFC → as it is written first
    warnings: list[str] = field(default_factory=list)
    log: LeftOutLog = field(default_factory=LeftOutLog)

    def __post_init__(self) -> None:
        self.entries = cache(folder_entries)  # each folder is looked at once

    def layout(self) -> Layout:
        train_folders, validation_folders, test_folders = self._roles()
        train = self._classes(train_folders)
        self._check_number(train_folders[0], train)
        validation, test = self._classes(validation_folders), self._classes(test_folders)
        for folders, files in ((validation_folders, validation), (test_folders, test)):
            unseen = sorted(name for name in files.keys() - train.keys() if files[name])
            if unseen:
                rule = f"hold no class that `{train_folders[0].name}` lacks"
                raise refusal(folders[0].name, self.root, rule, listed(unseen))
        held = frozenset(path for files in validation.values() for path in files)
        if validation_folders:
            used = listed([folder.name for folder in validation_folders])
            said = f"Networks are validated on {used} of `{self.root}`, {counted(len(held))}."
            self.warnings.append(said if held else f"No image is in {used} of `{self.root}`.")
        if test_folders and not any(test.values()):
            raise refusal(test_folders[0].name, self.root, "hold images in class folders", "none")
        classes = tuple(sorted(train))
        for name, paths in validation.items():
            if paths:
                train[name].extend(paths)
        _check_counts(self.root, classes, train, test, self.log.found)
        return Layout(
            classes,
            tuple((path, label) for label, name in enumerate(classes) for path in train[name]),
            tuple((path, label) for label, name in enumerate(classes) for path in test.get(name, ())),
            tuple(self.warnings),
            self.log.found,
            held,
        )

    def _roles(self) -> tuple[list[Path], list[Path], list[Path]]:
        """(folders whose class folders are trained on, those whose are validated on, and those whose are tested on)."""
        folders = self._look(self.root).folders
        train, test, validation = (
            [folder for folder in folders if folder.name.lower() in role] for role in (_TRAIN, _TEST, _VALIDATION)
        )
        if not train or (not test and not validation and len(folders) > 1):
            return [self.root], [], []
        if not test and not validation:  # `train` alone
            return (train if self._look(train[0]).folders else [self.root]), [], []
        for folder in folders:
            if folder not in {*train, *test, *validation}:
                self._leave("beside", folder)
        self._leave_loose(self.root)
        if not test:
            used = listed([folder.name for folder in validation])
            self.warnings.append(f"Took {used} of `{self.root}` as the test set, as there is no `test` folder.")
            return train, [], validation
        return train, validation, test

    def _classes(self, folders: list[Path]) -> Files:
        """Image files by the name of their class folder."""
        found: Files = {}
        for folder in folders:
            self.seen.add(_identity(folder))
            self._leave_loose(folder)
            fresh = [sub for sub in self._look(folder).folders if self._first_time(sub)]
            for sub in fresh:  # all class folders count as read before any is, lest one leads into another
                name = self.written.setdefault(unicodedata.normalize("NFC", sub.name), sub.name)
                if name != sub.name and name in found:
                    self._joined(name, sub)
                found.setdefault(name, []).extend(self._images(sub))
        return found

    def _joined(self, name: str, folder: Path) -> None:
        """Say that a folder is taken for the class of another beside it."""
        form = "composed" if unicodedata.is_normalized("NFC", folder.name) else "decomposed"
        self.warnings.append(
            f"Two folders of `{folder.parent}` are one class, `{name}`: their names differ only in how letters with "
            f"marks are encoded (Unicode NFC and NFD). Images of the {form} one joined the other's."
        )

    def _images(self, folder: Path) -> list[Path]:
        """Image files in a folder and in the folders below it, sorted by path."""
        found: list[Path] = []
        waiting = [folder]
        while waiting:
            entries = self._look(waiting.pop())
            found += entries.images
            waiting += [sub for sub in entries.folders if self._first_time(sub)]
        return sorted(found)

    def _look(self, folder: Path) -> Entries:
        entries: Entries = self.entries(folder)
        for kind, path in entries.left_out:
            self._leave(kind, path)
        return entries

    def _leave_loose(self, folder: Path) -> None:
        for path in self._look(folder).images:
            self._leave("no class", path)

    def _leave(self, kind: str, path: Path) -> None:
        self.log.add(kind, str(path.relative_to(self.root)))

    def _first_time(self, folder: Path) -> bool:
        identity = _identity(folder)
        if identity in self.seen:
            self._leave("read already", folder)
            return False
        self.seen.add(identity)
        return True

    def _check_number(self, folder: Path, train: Files) -> None:
        where = "folders" if folder == self.root else folder.name
        rule = f"include {FEWEST_CLASSES} to {MOST_CLASSES:,} class folders"
        if not train:
            raise refusal(where, self.root, rule, "none", "Put the images of each class into a folder of its own.")
        if not FEWEST_CLASSES <= len(train) <= MOST_CLASSES:
            only = folder / next(iter(train))
            inner = len(train) == 1 and len(self.entries(only).folders) >= FEWEST_CLASSES
            hint = f"Did you mean `{only}`?" if inner else ""
            raise refusal(where, self.root, rule, f"{len(train):,} ({listed(sorted(train))})", hint)


def _check_counts(
    root: Path, classes: tuple[str, ...], train: Files, test: Files, left_out: tuple[LeftOut, ...]
) -> None:
    if not any(train.values()):
        known = ", ".join(sorted(readable_suffixes()))
        got = "; ".join(["none", *(item.words for item in left_out)])
        raise refusal("class folders", root, f"hold images ({known})", got, hint_for(left_out))
    for name in classes:
        both = len(train[name]) + len(test.get(name, ()))
        if both < 2:
            hint = "" if both else "Put images into its folder, or remove it."
            raise refusal("classes", root, "have at least 2 images each", f"{both} in `{name}`", hint)
        if not train[name]:
            raise refusal("classes", root, "have an image to train on each", f"none in `{name}`")


def _identity(folder: Path) -> Identity:
    status = folder.stat()
    return status.st_dev, status.st_ino
