"""Keeping something with a trial that is being sampled: the one place where presage reaches into Optuna.

Optuna's own samplers do it in this way, for it has no public one. `pyproject.toml` bounds Optuna's version above, and
the contract tests of the samplers restart studies from what was kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial

__all__ = ["keep_marks"]


def keep_marks(study: Study, trial: FrozenTrial, marks: Mapping[str, Any]) -> None:
    """Store a strategy's marks as system attributes of a trial: `FrozenTrial.system_attrs` from then on."""
    for name, mark in marks.items():
        study._storage.set_trial_system_attr(trial._trial_id, name, mark)
