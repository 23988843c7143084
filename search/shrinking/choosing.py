"""Which smaller versions are trained: by predicted accuracy, of several kinds, and one by Fisher potential."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from presage.search.shrinking.proposing import BLOCKS, Smaller

__all__ = ["chosen"]


def chosen(
    versions: Sequence[Smaller],
    predicted: Sequence[float],
    fisher: Sequence[float],
    number: int,
    fits: Callable[[Smaller], bool] = lambda version: True,
) -> list[int]:
    """Places of up to `number` versions to train, the most promising first.

    The best predicted comes first, then the best predicted of each other kind. Of two or more, the last place is that
    of the version of swapped blocks with the highest Fisher potential, BlockSwap's own rank, where there is one.

    Args:
        predicted: accuracies, one for each version.
        fisher: Fisher potentials, likewise; larger is better, and only those of swapped blocks are compared.
        fits: whether a version may be trained; asked for no more than needed.
    """
    by_prediction = sorted(range(len(versions)), key=lambda at: -predicted[at])
    by_fisher = sorted((at for at in by_prediction if versions[at].kind == BLOCKS), key=lambda at: -fisher[at])
    for_fisher = 1 if by_fisher and number > 1 else 0
    found: list[int] = []

    def take(places: Sequence[int], most: int, *, of_new_kind: bool = False) -> None:
        for at in places:
            if len(found) >= most:
                return
            seen = {versions[one].kind for one in found}
            if at not in found and not (of_new_kind and versions[at].kind in seen) and fits(versions[at]):
                found.append(at)

    take(by_prediction, number - for_fisher, of_new_kind=True)
    take(by_prediction, number - for_fisher)
    take(by_fisher, len(found) + for_fisher)
    take(by_prediction, number, of_new_kind=True)
    take(by_prediction, number)
    return found
