"""BLAS has one thread within a block, and what it had before afterwards, whoever else comes and goes."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from presage.blas import one_blas_thread

_ = np.linalg  # loads NumPy's BLAS


def _threads() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    with threadpool_limits(2, user_api="blas"):
        if _threads() != {2}:
            pytest.skip("BLAS does not take two threads here")
        yield


def test_one_thread_within_and_two_again_after_an_error() -> None:
    @one_blas_thread()
    def failing() -> None:
        assert _threads() == {1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert _threads() == {2}


def test_another_thread_and_a_block_within_change_nothing() -> None:
    @one_blas_thread()
    def other() -> None:
        assert _threads() == {1}

    with one_blas_thread():
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        other()
        assert _threads() == {1}
    assert _threads() == {2}
