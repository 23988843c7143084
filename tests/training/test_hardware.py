from __future__ import annotations

import pytest
import torch

from presage.errors import InvalidArgument
from presage.training.hardware import choose_device, device_name, versions


def test_auto_is_the_gpu_where_there_is_one() -> None:
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert choose_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "", "cpu please"])
def test_a_device_that_torch_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(InvalidArgument, match="The `device`"):
        choose_device(name)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_here_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="present on this machine"):
        choose_device("cuda")


def test_what_an_experiment_records_is_text() -> None:
    assert device_name(torch.device("cpu")).endswith(f"{torch.get_num_threads()} threads")
    assert versions()["torch"] == str(torch.__version__)
    assert all(type(value) is str for value in versions().values())
