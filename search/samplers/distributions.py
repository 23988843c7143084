"""A space as Optuna sees it: one categorical distribution per parameter."""

from __future__ import annotations

from optuna.distributions import BaseDistribution, CategoricalDistribution

from presage.architecture.spaces.space import Space

__all__ = ["distributions"]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Name → distribution, in the order of the space's parameters. All are always present, inactive or not."""
    return {parameter.name: CategoricalDistribution(parameter.choices) for parameter in space.parameters}
