"""The one form in which a source of images is refused."""

from __future__ import annotations

from presage.errors import InvalidDataset

__all__ = ["refusal"]


def refusal(argument: str, owner: object, rule: str, got: object, hint: str = "") -> InvalidDataset:
    """*The `y_train` of `a.npz` must hold no negative label. Got -1.*, always one printable line.

    Args:
        argument: the array, file or property that is wrong.
        owner: the dataset or file it belongs to.
        rule: what it must be; completes "must …".
        got: the value found; text is shown as it is, anything else by `repr`.
        hint: a sentence that says what to do instead.
    """
    shown = got if isinstance(got, str) else repr(got)
    text = f"The `{argument}` of `{owner}` must {rule}. Got {shown}.{' ' + hint if hint else ''}"
    return InvalidDataset("".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text))
