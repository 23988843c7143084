"""The surrogate floor: experience → accuracy predictors with calibrated intervals, and how good they are.

::

    with Database.open() as database:
        experience = load_experience(database)
    predictor = Ensemble().fit(experience)
    prediction = predictor.predict(graphs, task)      # value, lower, upper: (n,) each
    predictor = predictor.condition_on(some, accuracies, task)  # once some networks have been trained on the task

Importing it loads neither torch nor LightGBM.
"""

from __future__ import annotations

from presage.lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
