"""`Session`: a workplace with every step that the commands and the Python API are made of.

The database is opened for each step and let go of at once: training in between does not keep other processes out.
"""

from __future__ import annotations

from presage.steps import difficulty, evaluation, experience, prediction, reach, searching, training
from presage.workplace import Workplace

__all__ = ["Session"]


class Session(Workplace):
    """What a user's commands share, for several steps in a row; arguments as `Workplace` has them."""

    probe = difficulty.probe
    card = difficulty.card
    recall = difficulty.recall

    predict = prediction.predict
    task = prediction.task
    fitted = prediction.fitted
    informed = prediction.informed
    reach = reach.reach
    evaluate = evaluation.evaluate

    train = training.train
    search = searching.search

    populate = experience.populate
    take_in = experience.take_in
