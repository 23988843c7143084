"""Contracts that an implementation of presage's interfaces must keep, as pytest classes to inherit from.

A space of your own is tested by::

    from presage.architecture.testing import SpaceContract

    class TestMySpace(SpaceContract):
        space = MySpace()
"""

from __future__ import annotations

import numpy as np

from presage.architecture.batch.graph_batch import GraphBatch
from presage.architecture.spaces.code_space import CodeSpace
from presage.architecture.spaces.codes import Codes
from presage.architecture.spaces.registry import SPACES, space_of
from presage.architecture.spaces.space import Space
from presage.registry import Registered, Registry

__all__ = ["CodeSpaceContract", "SpaceContract", "same_batch"]


def same_batch(left: GraphBatch, right: GraphBatch) -> bool:
    """Whether two batches hold the same architectures, node by node."""
    names = ("node_start", "kind", "attributes", "edge_start", "edge_source")
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in names)


class CodeSpaceContract:
    """What every `CodeSpace` must do. Subclasses set `space`; `registry` is where those that ship are found."""

    space: CodeSpace
    registry: Registry[Registered] = SPACES

    def drawn(self, n: int = 60, seed: int = 0) -> Codes:
        return self.space.sample(n, np.random.default_rng(seed))

    def test_names_itself_so_that_it_is_found_again(self) -> None:
        assert self.space.name.startswith(self.space.family)
        if self.space.family in self.registry and self.registry.load(self.space.family) is type(self.space):
            assert space_of(self.space.name, self.registry) == self.space

    def test_parameters_have_unique_names_and_choices(self) -> None:
        names = [parameter.name for parameter in self.space.parameters]
        assert len(set(names)) == len(names) > 0
        for parameter in self.space.parameters:
            assert len({(type(choice), choice) for choice in parameter.choices}) == len(parameter.choices) >= 1

    def test_samples_are_valid_normalised_seeded_and_varied(self) -> None:
        codes = self.drawn()
        assert codes.shape == (60, len(self.space.parameters))
        assert codes.dtype == np.int64
        assert self.space.valid(codes).all()
        assert np.array_equal(self.space.normalise(codes), codes)
        assert np.array_equal(codes, self.drawn())
        assert len(np.unique(codes, axis=0)) > 1
        assert self.drawn(n=0).shape == (0, len(self.space.parameters))

    def test_a_code_out_of_its_choices_is_invalid(self) -> None:
        codes = self.drawn(n=3)
        codes[0, 0] = -1
        codes[2, -1] = self.space.sizes[-1]
        assert self.space.valid(codes).tolist() == [False, True, False]

    def test_normalise_is_idempotent_and_activity_ignores_inactive_codes(self) -> None:
        rng = np.random.default_rng(1)
        raw = rng.integers(0, self.space.sizes, size=(200, len(self.space.sizes)))
        codes = self.space.normalise(raw)
        assert np.array_equal(self.space.active(raw), self.space.active(codes))
        assert (codes[~self.space.active(codes)] == 0).all()

    def test_every_choice_can_be_drawn(self) -> None:
        codes = self.drawn(n=4000)
        assert (codes.max(axis=0) == self.space.sizes - 1).all()

    def test_codes_and_params_are_two_forms_of_one_thing(self) -> None:
        codes = self.drawn()
        named = [self.space.params(code) for code in codes]
        assert all(list(params) == [parameter.name for parameter in self.space.parameters] for params in named)
        assert np.array_equal(self.space.codes(named), codes)

    def test_mutation_changes_one_active_parameter(self) -> None:
        rng = np.random.default_rng(3)
        parents = self.drawn(n=300)
        children = self.space.mutate(parents, rng)
        assert self.space.valid(children).all()
        assert np.array_equal(self.space.normalise(children), children)
        both = self.space.active(parents) & self.space.active(children)
        # a change that activates or silences others still counts as one: only what is active in both is compared
        assert ((parents != children) & both).sum(axis=1).tolist() == [1] * len(parents)

    def test_neighbours_differ_in_one_active_parameter_and_are_distinct(self) -> None:
        for code in self.drawn(n=5):
            near = self.space.neighbours(code)
            assert self.space.valid(near).all()
            assert np.array_equal(self.space.normalise(near), near)
            both = self.space.active(near) & self.space.active(code[None])[0]
            assert ((near != code) & both).sum(axis=1).tolist() == [1] * len(near)
            assert len(np.unique(near, axis=0)) == len(near)


class SpaceContract(CodeSpaceContract):
    """What every `Space` must do besides. `shapes` are the images its networks must accept."""

    space: Space
    shapes: tuple[tuple[int, int, int], ...] = ((3, 16, 16), (1, 8, 8), (3, 4, 4), (3, 33, 21))

    def test_decode_batch_equals_decode(self) -> None:
        codes = self.drawn()
        batch = self.space.decode_batch(codes)
        one_by_one = [self.space.decode(self.space.params(code)) for code in codes]
        assert same_batch(batch, GraphBatch.of(one_by_one))
        assert batch.architectures() == one_by_one

    def test_the_place_of_a_node_does_not_depend_on_what_else_is_decoded(self) -> None:
        codes = self.drawn(n=8)
        batch = self.space.decode_batch(codes)
        if batch.calls is not None:  # networks that share weights find them by it
            alone = [self.space.decode_batch(code[None]).calls for code in codes]
            assert np.array_equal(np.concatenate([calls for calls in alone if calls is not None]), batch.calls)

    def test_inactive_parameters_do_not_change_the_network(self) -> None:
        rng = np.random.default_rng(2)
        codes = self.drawn()
        noise = rng.integers(0, self.space.sizes, size=codes.shape)
        noisy = np.where(self.space.active(codes), codes, noise)
        assert same_batch(self.space.decode_batch(noisy), self.space.decode_batch(codes))

    def test_every_network_takes_every_shape(self) -> None:
        for architecture in self.space.decode_batch(self.drawn(n=100)).architectures():
            for shape in self.shapes:
                assert min(min(found) for found in architecture.shapes(shape, 10)) >= 1
