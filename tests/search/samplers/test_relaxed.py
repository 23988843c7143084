"""The strategy `darts`: relaxed parameters climb a differentiable surrogate."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from optuna.samplers import BaseSampler

from presage.architecture.spaces import NB201, Chain
from presage.errors import InvalidArgument
from presage.search.samplers.differentiable import DifferentiableSurrogate, OneHot
from presage.search.samplers.history import History
from presage.search.samplers.relaxed import RelaxedSampler
from presage.search.strategies import get_proposer, get_sampler
from presage.search.testing import SamplerContract, TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace()


class TestRelaxed(SamplerContract):
    trials = 10

    @pytest.fixture
    def make(self) -> Callable[[int], BaseSampler]:
        return lambda seed: RelaxedSampler(seed, initial=5, steps=4)


def test_one_hot_codes_have_a_block_for_each_parameter_and_nothing_where_it_is_inactive() -> None:
    space = Chain(layers=2)
    codes = space.sample(50, np.random.default_rng(0))
    one_hot = OneHot(space)
    encoded = one_hot.encode(codes).numpy()
    assert encoded.shape == (50, int(space.sizes.sum()))
    active = space.active(codes)
    for row in range(50):
        for column, start in enumerate(one_hot.starts[:-1]):
            block = encoded[row, start : one_hot.starts[column + 1]]
            wanted = np.eye(space.sizes[column])[codes[row, column]] * active[row, column]
            assert block.tolist() == wanted.tolist()


def test_softmax_is_that_of_each_block_and_the_likeliest_choices_are_a_code() -> None:
    one_hot = OneHot(SPACE)
    logits = torch.randn(7, one_hot.width, generator=torch.Generator().manual_seed(0))
    found = one_hot.softmax(logits, 0.5)
    codes = one_hot.discrete(logits)
    for column, start in enumerate(one_hot.starts[:-1].tolist()):
        block = slice(start, int(one_hot.starts[column + 1]))
        assert torch.allclose(found[:, block], torch.softmax(logits[:, block] / 0.5, dim=1))
        assert codes[:, column].tolist() == logits[:, block].argmax(dim=1).tolist()
    assert SPACE.valid(codes).all()


def _values(codes: np.ndarray, seed: int = 0) -> np.ndarray:
    """A sum over parameters, one weight for each choice."""
    weights = np.random.default_rng(seed).normal(size=(len(SPACE.sizes), 4))
    return np.asarray(weights[np.arange(len(SPACE.sizes)), codes].sum(axis=1))


def test_the_surrogate_learns_a_sum_and_is_unsure_where_it_knows_nothing() -> None:
    rng = np.random.default_rng(0)
    one_hot = OneHot(SPACE)
    codes, others = SPACE.sample(200, rng), SPACE.sample(200, rng)
    surrogate = DifferentiableSurrogate(one_hot.encode(codes), _values(codes), seed=0)
    said = surrogate.members(one_hot.encode(others))
    assert np.corrcoef(said.mean(dim=0).numpy(), _values(others))[0, 1] > 0.97
    few = DifferentiableSurrogate(one_hot.encode(codes[:10]), _values(codes[:10]), seed=0)
    spread = few.members(one_hot.encode(others)).std(dim=0).mean()
    assert spread > 2 * said.std(dim=0).mean()
    assert few.members(one_hot.encode(codes[:10])).std(dim=0).mean() < spread


def test_the_gradient_leads_to_the_best_choices() -> None:
    rng = np.random.default_rng(1)
    codes = SPACE.sample(150, rng)
    history = History(len(SPACE.sizes))
    history.extend(codes, _values(codes)[:, None])
    sampler = RelaxedSampler(0, explore=0.0, courage=0.0)
    found = _values(sampler.propose(SPACE, history, 10, (0, 0)).codes)
    everything = _values(SPACE.sample(20_000, rng))
    # ten proposals from 150 of 13,824 codes: all above the 95th percentile, the best above the 99.9th
    assert found.min() > np.percentile(everything, 95)
    assert found.max() > np.percentile(everything, 99.9)
    assert found.max() > _values(codes).max()


def test_an_ascent_ends_higher_than_it_began() -> None:
    codes = SPACE.sample(150, np.random.default_rng(1))
    one_hot, sampler = OneHot(SPACE), RelaxedSampler(0, courage=0.0)
    surrogate = DifferentiableSurrogate(one_hot.encode(codes), _values(codes), seed=0)
    starts = torch.randn(64, one_hot.width, generator=torch.Generator().manual_seed(1))
    ends = sampler._ascended(one_hot, surrogate, starts, 0)
    before, after = (_values(one_hot.discrete(logits)) for logits in (starts, ends))
    assert (after >= before - 1e-9).mean() > 0.95
    assert after.mean() > before.mean() + 2


def test_nothing_is_proposed_twice_and_random_codes_fill_what_is_missing() -> None:
    space = NB201()
    history = History(6)
    rng = np.random.default_rng(0)
    sampler = RelaxedSampler(0)
    for batch in range(4):
        codes = sampler.propose(space, history, 30, (0, batch)).codes
        assert len(codes) == 30
        assert space.valid(codes).all()
        history.extend(codes, rng.random((30, 1)))
    assert len(np.unique(history.codes, axis=0)) >= 117  # only the random share may repeat
    tiny = TinySpace(layers=1)  # 24 codes
    history = History(3)
    codes = tiny.sample(60, rng)
    history.extend(codes, rng.random((60, 1)))
    assert len(sampler.propose(tiny, history, 40, (0, 0)).codes) == 40


def test_failed_candidates_teach_nothing() -> None:
    codes = SPACE.sample(60, np.random.default_rng(0))
    values = _values(codes)[:, None]
    holes = values.copy()
    holes[::3] = np.nan
    whole, part = History(len(SPACE.sizes)), History(len(SPACE.sizes))
    whole.extend(codes, holes)
    part.extend(codes[np.isfinite(holes[:, 0])], holes[np.isfinite(holes[:, 0])])
    learned = []
    for history in (whole, part):
        sampler = RelaxedSampler(0)
        assert SPACE.valid(sampler.propose(SPACE, history, 8, (1,)).codes).all()
        assert sampler._fitted is not None
        learned.append(sampler._fitted[3].members(OneHot(SPACE).encode(codes)))
    assert torch.equal(*learned)
    none = History(len(SPACE.sizes))
    none.extend(codes, np.full((60, 1), np.nan))
    assert len(RelaxedSampler(0).propose(SPACE, none, 8, (1,)).codes) == 8


@pytest.mark.parametrize("wrong", [{"initial": 1}, {"steps": 0}, {"explore": 1.5}, {"courage": -1.0}, {"seed": -1}])
def test_wrong_arguments_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidArgument, match=f"`{next(iter(wrong))}` of `RelaxedSampler`"):
        RelaxedSampler(**wrong)  # type: ignore[arg-type]


def test_it_is_found_by_name_and_refuses_several_objectives() -> None:
    assert isinstance(get_sampler("darts", 0), RelaxedSampler)
    with pytest.raises(InvalidArgument, match="serve 2 objectives"):
        get_proposer("darts", 0, objectives=2)


def test_it_finds_better_cells_of_nas_bench_201_than_random(shared: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    columns = ["arch_str", "c10_val_200ep"]
    table = parquet.read_table(shared / "tables" / "nb201.parquet", columns=columns).to_pydict()
    accuracy = dict(zip(table["arch_str"], table["c10_val_200ep"], strict=True))
    space = NB201()

    def best(name: str) -> float:
        history, proposer = History(6), get_proposer(name, 0)
        for batch in range(6):
            codes = proposer.propose(space, history, 20, (5, batch)).codes
            history.extend(codes, np.array([[accuracy[space.to_string(space.params(code))]] for code in codes]))
        return float(history.values.max())

    assert best("darts") > max(best("random"), 91.3)  # of 15,625 cells the best has 91.57
