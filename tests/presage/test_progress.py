"""Progress bars."""

from __future__ import annotations

import pytest

from presage.progress import ProgressBars


def test_bars_are_drawn_on_stderr_one_for_each_stage(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as progress:
        for stage in ("probe", "train"):
            for done in range(1, 4):
                progress(stage, done, 3)
    out, err = capsys.readouterr()
    assert out == ""
    for stage in ("probe", "train"):
        assert [line for line in err.split("\n") if stage in line][-1].endswith("3/3, 00:00 left")


def test_a_stage_that_begins_again_gets_a_new_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as progress:
        for _ in range(2):
            progress("fit predictor", 0, 1)
            progress("fit predictor", 1, 1)
    assert capsys.readouterr().err.count("\n") == 2


def test_quiet_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars(quiet=True) as progress:
        progress("probe", 1, 2)
    assert capsys.readouterr().err == ""
