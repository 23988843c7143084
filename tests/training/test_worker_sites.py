from __future__ import annotations

from argparse import ArgumentTypeError
from typing import Any

import pytest

from presage.errors import InvalidArgument, WrongInput
from presage.training import worker_sites
from presage.training.worker_sites import Here, OnRay, OnSlurm, worker_site, workers_argument


@pytest.fixture
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_sites, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("workers", "meant"),
    [
        ("auto", Here(None)),
        (3, Here(3)),
        ("ray", OnRay(None, None)),
        ("ray,16", OnRay(None, 16)),
        ("ray://head.example:10001", OnRay("ray://head.example:10001", None)),
        ("ray://10.0.0.1:10001,8", OnRay("ray://10.0.0.1:10001", 8)),
        ("ray://[::1]:10001", OnRay("ray://[::1]:10001", None)),
        ("slurm", OnSlurm(None, 4)),
        ("slurm,2", OnSlurm(None, 2)),
        ("slurm:gpu-long,12", OnSlurm("gpu-long", 12)),
    ],
)
def test_every_form_means_one_place(all_installed: None, workers: int | str, meant: object) -> None:
    assert worker_site(workers, "presage search") == meant


@pytest.mark.parametrize(
    "wrong",
    [
        0, -1, True, 1.5, "", "3", "many", "Ray", "ray:", "ray,", "ray,0", "ray,-1", "ray,1.5", "ray,99999", "ray,2,3",
        "ray://host", "ray://:10001", "ray://host:port", "ray://host:10001/x", ",4", "slurm:", "slurm:a b",
        "slurm:$(x)",
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused_with_what_would(all_installed: None, wrong: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"^The `workers` of `presage search` must be auto, .* ray"):
        worker_site(wrong, "presage search")


@pytest.mark.parametrize(
    ("workers", "module", "extra"),
    [("ray", "ray", "ray"), ("ray://host:1", "ray", "ray"), ("slurm:a", "submitit", "slurm")],
)
def test_what_is_not_installed_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, workers: str, module: str, extra: str
) -> None:
    monkeypatch.setattr(worker_sites, "find_spec", lambda name: None)
    with pytest.raises(WrongInput) as refused:
        worker_site(workers, "presage populate")
    lacking = f"The `--workers {workers}` of `presage populate` needs {module}, which is not installed."
    assert str(refused.value) == f"{lacking} Type: pip install 'presage[{extra}]'"


def test_on_a_command_line_numbers_are_bounded_and_forms_stay_as_they_are(all_installed: None) -> None:
    assert [workers_argument(text) for text in ("auto", "3", "ray,16")] == ["auto", 3, "ray,16"]
    for wrong in ("0", "-1", "1025", "1.5", "many", "ray://host"):
        with pytest.raises(ArgumentTypeError, match=f"^must be .*Got '{wrong}'"):
            workers_argument(wrong)
