"""The report's plots."""

from __future__ import annotations

from presage.report.plots import (
    TrainedPrediction,
    difficulty_plot,
    learning_curves_plot,
    pareto_plot,
    scatter_plot,
    search_plot,
)


def test_a_dataset_may_be_called_anything() -> None:
    picture = difficulty_plot("a$x^$<b>", [0.5], {"c$\\frac$": 0.7})
    assert "a$x^$&lt;b&gt;: 0.500" in picture


def test_every_plot_of_accuracies_says_the_recipe() -> None:
    one = TrainedPrediction(0.5, 0.4, 0.6, 0.55)
    by = "16 px, 1,150 images, 12 epochs"
    for picture in (
        difficulty_plot("a", [0.5], {"b": 0.7}, by),
        scatter_plot({"short-list": [one]}, 0.9, by),
        search_plot([0.4, 0.5], "predicted accuracy", by),
        pareto_plot([1.0, 2.0], [0.4, 0.5], [], "parameters", "predicted accuracy", by),
        learning_curves_plot({"a": [0.1, 0.2]}, by),
    ):
        assert by in picture
    assert "px" not in difficulty_plot("a", [0.5], {"b": 0.7}).replace("px;", "")
