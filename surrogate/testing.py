"""What every predictor must do, as tests that any package can run; and experience whose truth is known.

Use it by one class per predictor::

    class TestBoostedTrees(PredictorContract):
        def make(self) -> Predictor:
            return BoostedTrees(trees=50)
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.operations import KIND, Add, BatchNorm, Concatenate, Convolution, GroupNorm
from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument, InvalidExperience
from presage.surrogate import metrics
from presage.surrogate.data.experience import Experience
from presage.surrogate.data.task import Task
from presage.surrogate.predictors.predictor import Predictor
from presage.surrogate.predictors.storage import load_predictor, save_predictor

__all__ = ["PredictorContract", "synthetic_experience", "synthetic_task", "true_accuracy"]

Floats = NDArray[np.float64]


def synthetic_task(number: int, seed: int = 0) -> Task:
    """A made-up dataset, easier or harder by its number; its DCN follows its true difficulty with a little noise."""
    rng = np.random.default_rng([seed, number])
    ease = float(rng.uniform(-1.5, 2.5))
    return Task(
        fingerprint=f"{number:064x}",
        name=f"synthetic-{number}",
        channels=int(rng.choice([1, 3])),
        classes=int(rng.choice([2, 4, 10, 40])),
        image_side=16,
        train_images=int(rng.choice([500, 2000])),
        epochs=12,
        dcn=float(1 / (1 + np.exp(-ease + 0.15 * rng.standard_normal()))),
        description=(("ease", ease + 0.3 * float(rng.standard_normal())), ("noise", float(rng.standard_normal()))),
        recipe="r" * 64,
    )


def true_accuracy(graphs: GraphBatch, task: Task, seed: int = 0) -> Floats:
    """(n,) accuracies from a known function: depth, width, kernels, normalisation and skips, and the task's ease.

    Depth matters more on harder tasks, so that one ranking for all tasks is not the best there is.
    """
    graph, n = graphs.graph, len(graphs)

    def count(*kinds: type) -> Floats:
        chosen = np.isin(graphs.kind, [KIND[kind] for kind in kinds])
        return np.bincount(graph[chosen], minlength=n).astype(np.float64)

    convolution = graphs.kind == KIND[Convolution]
    convolutions = np.maximum(count(Convolution), 1.0)
    kernel = np.bincount(graph[convolution], graphs.column("kernel_h")[convolution], n) / convolutions
    width = np.bincount(graph[convolution], np.log2(graphs.column("channels")[convolution] + 1.0), n) / convolutions
    hard = 1.0 - task.dcn
    relative = (
        (0.4 + 0.8 * hard) * (np.log2(convolutions) - 2.0)
        + 0.9 * (np.minimum(count(BatchNorm, GroupNorm) / convolutions, 1.0) - 0.5)
        + 0.4 * (width - 4.0)
        - 0.25 * (kernel - 3.0) ** 2
        + 0.3 * np.minimum(count(Add, Concatenate), 3.0)
    )
    noise = np.random.default_rng([seed, 7, int(task.fingerprint[-8:], 16)]).standard_normal(n)
    ease = float(np.log(task.dcn / (1 - task.dcn)))
    return np.asarray(1 / (1 + np.exp(-(ease + 0.5 * relative + 0.08 * noise))))


def synthetic_experience(datasets: int = 12, networks: int = 40, seed: int = 0) -> Experience:
    """`networks` networks of both spaces on each made-up dataset: half of them the same on every one."""
    rng = np.random.default_rng([seed, datasets, networks])
    core, parts, tasks = _sampled(networks // 2, rng), [], []
    accuracy: list[Floats] = []
    for number in range(datasets):
        task = synthetic_task(number, seed)
        graphs = GraphBatch.concatenate([core, _sampled(networks - networks // 2, rng)])
        tasks.append(task)
        parts.append(graphs)
        accuracy.append(true_accuracy(graphs, task, seed))
    graphs = GraphBatch.concatenate(parts)
    index = np.repeat(np.arange(datasets), networks)
    own = np.arange(len(index))
    own = np.where(own % networks < networks // 2, own % networks, own)  # the core has one hash on every dataset
    return Experience(
        graphs=graphs,
        hashes=np.array([f"{number:064x}" for number in own]),
        task_index=index,
        tasks=tuple(tasks),
        accuracy=np.concatenate(accuracy),
        seeds=np.zeros(len(index), np.int64),
    )


def _sampled(n: int, rng: np.random.Generator) -> GraphBatch:
    chain, cell = get_space("chain"), get_space("nb201")
    return GraphBatch.concatenate(
        [chain.decode_batch(chain.sample(n - n // 3, rng)), cell.decode_batch(cell.sample(n // 3, rng))]
    )


class PredictorContract:
    """Rules that hold for every predictor; a subclass says how to make one that fits quickly.

    Attributes:
        least_tau: mean Kendall τ that it must reach on made-up datasets it has not seen.
        most_mse: mean squared error that it must stay below there.
    """

    least_tau: float = 0.0
    most_mse: float = 1.0
    datasets: int = 12
    networks: int = 40

    def make(self) -> Predictor:
        """An unfitted predictor of quick settings."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def experience(cls) -> Experience:
        return synthetic_experience(cls.datasets, cls.networks)

    @pytest.fixture(scope="class")
    @classmethod
    def fitted(cls, experience: Experience) -> Predictor:
        return cls().make().fit(experience)

    @pytest.fixture(scope="class")
    @classmethod
    def unseen(cls) -> tuple[GraphBatch, Task, Floats]:
        graphs, task = _sampled(60, np.random.default_rng(99)), synthetic_task(1003)
        return graphs, task, true_accuracy(graphs, task)

    def test_it_predicts_networks_on_datasets_it_has_not_seen(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, taus, errors = unseen[0], [], []
        for task in map(synthetic_task, range(1003, 1008)):
            truth, value = true_accuracy(graphs, task), fitted.predict(graphs, task).value
            taus.append(metrics.kendall_tau(truth, value))
            errors.append(metrics.mse(truth, value))
        assert np.mean(taus) >= self.least_tau
        assert np.mean(errors) <= self.most_mse

    def test_a_prediction_lies_within_its_interval_and_both_within_0_and_1(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, _ = unseen
        prediction = fitted.predict(graphs, task)
        ordered = np.stack([np.zeros(60), prediction.lower, prediction.value, prediction.upper, np.ones(60)])
        assert ordered.shape == (5, 60)
        assert np.isfinite(ordered).all()
        assert (np.diff(ordered, axis=0) >= 0).all()
        assert prediction.level == fitted.level

    def test_rows_are_predicted_independently_of_their_company_and_order(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, _ = unseen
        whole = fitted.predict(graphs, task)
        order = np.random.default_rng(0).permutation(60)[:17]
        part = fitted.predict(graphs.take(order), task)
        np.testing.assert_allclose(part.value, whole.value[order], atol=2e-6)
        np.testing.assert_allclose(part.upper, whole.upper[order], atol=2e-6)

    def test_the_same_seed_gives_the_same_predictions(
        self, experience: Experience, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, _ = unseen
        small = experience.only(experience.fingerprints[:3])
        one, other = (self.make().fit(small).predict(graphs, task) for _ in range(2))
        np.testing.assert_array_equal(one.value, other.value)
        np.testing.assert_array_equal(one.lower, other.lower)

    def test_saved_and_loaded_it_predicts_the_same(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats], tmp_path: Path
    ) -> None:
        graphs, task, _ = unseen
        save_predictor(fitted, tmp_path / "kept")
        loaded = load_predictor(tmp_path / "kept")
        assert type(loaded) is type(fitted)
        assert loaded.settings() == fitted.settings()
        before, after = fitted.predict(graphs, task), loaded.predict(graphs, task)
        few = graphs.take(np.arange(5))
        conditioned = fitted.condition_on(few, np.full(5, 0.5), task).predict(graphs, task)
        again = loaded.condition_on(few, np.full(5, 0.5), task).predict(graphs, task)
        for name in ("value", "lower", "upper"):
            np.testing.assert_allclose(getattr(after, name), getattr(before, name), rtol=0, atol=1e-12)
            np.testing.assert_allclose(getattr(again, name), getattr(conditioned, name), rtol=0, atol=1e-9)

    def test_conditioned_on_no_trained_networks_every_prediction_is_what_it_was(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, truth = unseen
        none, some = (
            fitted.condition_on(graphs.take([]), np.zeros(0), task),
            fitted.condition_on(graphs.take([1]), truth[1:2], task),
        )
        other = replace(task, fingerprint="e" * 64)
        for conditioned, asked in ((none, task), (some, other)):  # what one task taught says nothing of another
            before, after = fitted.predict(graphs, asked), conditioned.predict(graphs, asked)
            for name in ("value", "lower", "upper"):
                np.testing.assert_array_equal(getattr(after, name), getattr(before, name))

    def test_trained_networks_of_the_target_correct_predictions_the_more_the_more_they_are(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, truth = unseen
        misled = replace(task, dcn=0.5 * task.dcn)  # its probe says much harder than it is
        errors = []
        for k in (0, 2, 8, 20):
            conditioned = fitted.condition_on(graphs.take(np.arange(k)), truth[:k], misled)
            errors.append(metrics.mse(truth[20:], conditioned.predict(graphs.take(np.arange(20, 60)), misled).value))
        assert errors[0] > max(errors[1:])
        assert errors[3] < 0.6 * errors[0]

    def test_one_experiment_is_enough_to_answer_with_the_widest_interval(
        self, experience: Experience, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, _ = unseen
        prediction = self.make().fit(experience.take([0])).predict(graphs, task)
        assert np.isfinite(prediction.value).all()
        assert (prediction.lower == 0).all()
        assert (prediction.upper == 1).all()

    def test_one_dataset_is_enough(self, experience: Experience, unseen: tuple[GraphBatch, Task, Floats]) -> None:
        graphs, task, _ = unseen
        prediction = self.make().fit(experience.only(experience.fingerprints[:1])).predict(graphs, task)
        assert np.isfinite(prediction.value).all()

    @pytest.mark.parametrize("accuracy", [0.0, 0.4, 1.0])
    def test_constant_accuracy_is_predicted_as_it_is(
        self, experience: Experience, unseen: tuple[GraphBatch, Task, Floats], accuracy: float
    ) -> None:
        graphs, task, _ = unseen
        small = experience.only(experience.fingerprints[:4])
        same = replace(task, dcn=0.5)
        constant = replace(
            small,
            accuracy=np.full(len(small), accuracy),
            tasks=tuple(replace(known, dcn=0.5) for known in small.tasks),
            _source=None,
        )
        value = self.make().fit(constant).predict(graphs, same).value
        np.testing.assert_allclose(value, accuracy, atol=0.05)

    def test_a_number_of_classes_never_seen_is_answered(
        self, fitted: Predictor, unseen: tuple[GraphBatch, Task, Floats]
    ) -> None:
        graphs, task, _ = unseen
        for classes in (2, 1000):
            assert np.isfinite(fitted.predict(graphs, replace(task, classes=classes)).value).all()

    def test_before_fit_it_says_what_to_call(self, unseen: tuple[GraphBatch, Task, Floats]) -> None:
        graphs, task, _ = unseen
        with pytest.raises(InvalidArgument, match="Call `fit` first"):
            self.make().predict(graphs, task)

    def test_accuracy_that_is_no_accuracy_is_refused_by_row(self, experience: Experience) -> None:
        for bad in (np.nan, 1.5, -0.1, np.inf):
            accuracy = experience.accuracy.copy()
            accuracy[3] = bad
            with pytest.raises(InvalidExperience, match="row 3"):
                replace(experience, accuracy=accuracy)
