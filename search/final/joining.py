"""`joined`: the mean of networks that were trained finally, unless the best of them is clearly better."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from presage.architecture.costs import Costs, costs
from presage.search.final.trainer import ScoringRecipes
from presage.search.final_result import FinalEnsemble, FinalTraining
from presage.search.limits import Limits
from presage.training.model.ensemble import ensemble_of
from presage.training.model.folder import ARCHITECTURE, load_model, save_model
from presage.training.model.trained import TrainedModel
from presage.training.recipe import Recipe

__all__ = ["joined"]


def joined(
    trainer: ScoringRecipes, trainings: Sequence[tuple[FinalTraining, Path]], limits: Limits, kept: Path
) -> tuple[FinalEnsemble, TrainedModel] | None:
    """The mean of the best two, or three, … of final trainings (`presage.training.model.ensemble`): of as many as there
    are, or fewer where that is worse on validation images than the best network alone by more than a standard error.
    Test images are looked at for it alone.

    Args:
        trainings: with the folders of their models.
        limits: on the whole.
        kept: a folder that the mean is left in, as a model.

    Returns:
        None where none is as good, or within the limits. A latency is not known before it is measured, so that no
        mean is within a limit on it.
    """
    finished = [pair for pair in trainings if pair[0].accuracy is not None and (pair[1] / ARCHITECTURE).exists()]
    finished.sort(key=lambda pair: -(pair[0].accuracy or 0.0))
    if len(finished) < 2 or limits.latency_seconds is not None:
        return None
    models = [load_model(folder) for _, folder in finished]
    recipe = Recipe.from_json(finished[0][0].recipe)
    for count in range(len(finished), 1, -1):
        model = ensemble_of(models[:count])
        if model is not None and _allowed(limits, _costs(model)):
            scores = trainer.validated(model, recipe)
            if scores.accuracy >= (finished[0][0].accuracy or 0.0) - scores.standard_error:
                model = replace(model, accuracy=scores.accuracy, balanced_accuracy=scores.balanced_accuracy)
                model = _tested(trainer, model, recipe, kept)
                return _told(model), model
    return None


def _tested(trainer: ScoringRecipes, model: TrainedModel, recipe: Recipe, kept: Path) -> TrainedModel:
    """With its accuracy on test images, which the folder `kept` has where they were looked at for it before."""
    if (kept / ARCHITECTURE).exists():
        before = load_model(kept)
        if before.digest == model.digest and before.test_accuracy is not None:
            return before
    scores = trainer.tested(model, recipe)
    if scores is not None:
        model = replace(model, test_accuracy=scores.accuracy, test_balanced_accuracy=scores.balanced_accuracy)
    save_model(model, kept, program=False)
    return model


def _told(model: TrainedModel) -> FinalEnsemble:
    size = _costs(model)
    return FinalEnsemble(
        hash=model.architecture.hash,
        members=model.members,
        accuracy=round(model.accuracy or 0.0, 6),
        test_accuracy=None if model.test_accuracy is None else round(model.test_accuracy, 6),
        parameters=size.parameters,
        multiply_adds=size.multiply_adds,
        balanced_accuracy=model.balanced_accuracy,
        test_balanced_accuracy=model.test_balanced_accuracy,
    )


def _costs(model: TrainedModel) -> Costs:
    return costs(model.architecture, model.input_shape, len(model.classes))


def _allowed(limits: Limits, size: Costs) -> bool:
    asked = ("parameters", "multiply_adds", "activation_bytes")
    pairs = [(getattr(size, name), getattr(limits, name)) for name in asked]
    return all(most is None or cost <= most for cost, most in pairs)
