"""Smaller versions: within the limits, near them, of every kind, the same for one seed."""

from __future__ import annotations

import numpy as np
import pytest

from presage.architecture.costs import costs
from presage.architecture.graph import Architecture
from presage.architecture.spaces import get_space
from presage.errors import InvalidArgument, NothingFeasible
from presage.search.limits import Limits
from presage.search.shrinking.allowance import Allowance
from presage.search.shrinking.choosing import chosen
from presage.search.shrinking.fitting import NEAR, fitted
from presage.search.shrinking.latency import latency_of_versions
from presage.search.shrinking.proposing import BLOCKS, DEPTH, MIXED, PLAIN, WIDTHS, Smaller, plain, proposed
from presage.search.shrinking.subject import ShrinkSubject

SHAPE, CLASSES = (3, 16, 16), 10


@pytest.fixture(scope="module")
def network() -> Architecture:
    space = get_space("blocks:blocks=2,width=16")
    return space.decode({parameter.name: "S" for parameter in space.parameters}).canonical


def allowance(network: Architecture, **shares: float) -> Allowance:
    own = costs(network, SHAPE, CLASSES)
    return Allowance(
        Limits(**{name: int(share * getattr(own, name)) for name, share in shares.items()}), SHAPE, CLASSES
    )


@pytest.mark.parametrize("share", [0.02, 0.2, 0.7, 0.99])
@pytest.mark.parametrize("name", ["parameters", "multiply_adds"])
def test_one_factor_takes_all_of_a_limit(network: Architecture, name: str, share: float) -> None:
    asked = allowance(network, **{name: share})
    found = fitted(network, asked)
    assert found is not None
    assert NEAR <= found.share <= 1
    assert found.share == asked.share(found.architecture)
    assert 0 < found.factor < 1
    assert fitted(network, asked) == found


def test_of_two_limits_the_nearer_counts(network: Architecture) -> None:
    asked = allowance(network, parameters=0.9, multiply_adds=0.1)
    found = fitted(network, asked)
    assert found is not None
    shares = asked.shares(found.architecture)
    assert NEAR <= shares["multiply_adds"] <= 1
    assert shares["parameters"] < 0.2


def test_what_a_network_is_within_already_it_stays(network: Architecture) -> None:
    found = fitted(network, allowance(network, parameters=1.5))
    assert found is not None
    assert found.architecture.hash == network.hash


def test_relative_widths_are_kept(network: Architecture) -> None:
    from presage.architecture.shrinking.channels import channels_of

    asked = allowance(network, multiply_adds=0.3)
    sides = [pool.side for pool in channels_of(network, SHAPE, CLASSES).pools]
    found = fitted(network, asked, [0.25 if side == 16 else 1.0 for side in sides])
    assert found is not None
    pools = channels_of(found.architecture, SHAPE, CLASSES).pools
    assert max(len(pool.numbers) for pool in pools if pool.side == 16) <= 4  # of 16
    assert max(len(pool.numbers) for pool in pools if pool.side == 4) > 32  # of 64


def test_versions_are_of_every_kind_near_the_limit_and_follow_from_the_seed(network: Architecture) -> None:
    asked = allowance(network, multiply_adds=0.2)
    found = proposed(network, asked, 16, seed=0)
    assert len(found) == 16
    assert len({one.architecture.hash for one in found}) == 16
    assert {one.kind for one in found} == {WIDTHS, DEPTH, BLOCKS, MIXED}
    for one in found:
        assert NEAR <= asked.share(one.architecture) <= 1
        assert one.architecture == one.architecture.canonical
        assert one.architecture.shapes(SHAPE, CLASSES)[-1] == (CLASSES,)
        assert one.how
    assert proposed(network, asked, 16, seed=0) == found
    assert {one.architecture.hash for one in proposed(network, asked, 16, seed=1)} != {
        one.architecture.hash for one in found
    }


def test_a_network_without_blocks_or_units_is_made_narrower_alone() -> None:
    space = get_space("chain:layers=2")
    code = space.sample(1, np.random.default_rng(0))[0]
    architecture = space.decode(space.params(code)).canonical
    found = proposed(architecture, allowance(architecture, multiply_adds=0.5), 4, seed=0)
    assert all(NEAR <= one.share <= 1 for one in found)


def test_the_plain_version_is_told_as_such(network: Architecture) -> None:
    found = plain(network, allowance(network, parameters=0.2))
    assert found is not None
    assert found.kind == PLAIN
    assert found.how.startswith("all widths × 0.4")


def test_what_is_chosen(network: Architecture) -> None:
    kinds = [WIDTHS, WIDTHS, DEPTH, BLOCKS, BLOCKS, BLOCKS]
    versions = [Smaller(network, kind, kind, 1.0) for kind in kinds]
    predicted, fisher = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [0.0, 0.0, 0.0, -3.0, -2.0, -4.0]
    assert chosen(versions, predicted, fisher, 1) == [0]
    assert chosen(versions, predicted, fisher, 3) == [0, 2, 4]  # the best, the best of another kind, by potential
    assert chosen(versions, predicted, fisher, 4) == [0, 2, 3, 4]
    assert sorted(chosen(versions, predicted, fisher, 9)) == list(range(6))
    assert chosen(versions, predicted, fisher, 2, lambda one: one.kind != BLOCKS) == [0, 2]


def test_latency_is_learned_from_versions_of_the_network(network: Architecture) -> None:
    def clock(architecture: Architecture) -> float:
        return 1e-4 + 1e-9 * costs(architecture, SHAPE, CLASSES).multiply_adds

    model = latency_of_versions(network, SHAPE, CLASSES, clock)
    assert model.error < 0.1
    asked = Allowance(Limits(latency_seconds=0.5 * clock(network)), SHAPE, CLASSES, model)
    found = fitted(network, asked)
    assert found is not None
    assert found.share <= 1
    assert clock(found.architecture) == pytest.approx(0.5 * clock(network), rel=0.2)


def test_limits_that_cannot_be_are_refused(network: Architecture) -> None:
    subject, own = ShrinkSubject("mine", network, SHAPE, CLASSES), costs(network, SHAPE, CLASSES)
    subject.check(Limits(parameters=own.parameters - 1))
    with pytest.raises(InvalidArgument, match=r"`max_params` of `presage shrink` must be below the [\d,]+ parameters"):
        subject.check(Limits(parameters=own.parameters))
    with pytest.raises(NothingFeasible, match=r"No smaller version of mine is within 40 multiply-adds\. With one"):
        subject.check(Limits(multiply_adds=40))
    with pytest.raises(InvalidArgument, match="must be of parameters, multiply_adds, latency_seconds"):
        subject.check(Limits(activation_bytes=1000))


def test_a_plain_version_slower_than_estimated_is_scaled_down_further(
    network: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def clock(architecture: Architecture, *rest: object, **more: object) -> float:
        return 1e-9 * costs(architecture, SHAPE, CLASSES).multiply_adds

    model = latency_of_versions(network, SHAPE, CLASSES, clock)
    monkeypatch.setattr(
        "presage.search.shrinking.subject.time_architecture", lambda *words, **more: 1.3 * clock(words[0])
    )
    subject, most = ShrinkSubject("mine", network, SHAPE, CLASSES), 0.4 * clock(network)
    found = subject.plain(Allowance(Limits(latency_seconds=most), SHAPE, CLASSES, model))
    assert subject.measure(found.architecture) <= most
