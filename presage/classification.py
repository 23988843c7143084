"""Image files classified by a trained model, each by itself: one that cannot be read does not take the others down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presage.training.model.trained import TrainedModel

__all__ = ["Classified", "classify"]


@dataclass(frozen=True)
class Classified:
    """What a model sees in one image file.

    Attributes:
        file: as it was named, or as it was found in a folder.
        probabilities: of each class, in the model's order; None where the image could not be read.
        failure: why not; "" otherwise.
    """

    file: str
    probabilities: list[float] | None
    failure: str = ""

    def best(self, count: int) -> list[int]:
        """The likeliest classes as positions, the likeliest first; of equal ones the earlier first."""
        values = self.probabilities or []
        return sorted(range(len(values)), key=lambda index: (-values[index], index))[:count]


def classify(
    model: TrainedModel,
    named: Sequence[str | Path],
    progress: Callable[[int, int], None] = lambda done, total: None,
    note: Callable[[str], object] = lambda line: None,
) -> list[Classified]:
    """Every image file that is named, and all below the folders that are, in that order.

    Args:
        progress: called with (images done, images in all).
        note: called with a line for each folder that holds something else than images.

    Raises:
        InvalidArgument: a file or folder that is not there, or a folder without images; names it.
    """
    from presage.errors import InvalidArgument
    from presage.places import user_path
    from presage.training.datasets.left_out import told
    from presage.training.model.images import AT_ONCE, Unreadable, image_files

    files: list[Path] = []
    for name in named:
        path = user_path(name, "IMAGE", "presage classify")
        if not path.exists():
            raise InvalidArgument("IMAGE", "presage classify", "be an image file, or a folder of some", str(name))
        if path.is_file():
            files.append(path)
            continue
        if not path.is_dir():
            raise InvalidArgument("IMAGE", "presage classify", "be a plain file, or a folder of images", str(name))
        found, left_out = image_files(path)
        files += found
        for line in told(path, left_out):
            note(line)
    classified: list[Classified] = []
    for start in range(0, len(files), AT_ONCE):
        some = files[start : start + AT_ONCE]
        for file, row in zip(some, model.classify_files(some), strict=True):
            if isinstance(row, Unreadable):
                classified.append(Classified(str(file), None, row.reason))
            else:
                classified.append(Classified(str(file), row.tolist()))
        progress(len(classified), len(files))
    return classified
