"""The journal: bulk records are what Optuna itself would have written, and a torn file is mended."""

from __future__ import annotations

import errno
import json
from datetime import datetime
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import TrialState, create_trial

from presage.errors import StorageFull
from presage.search.samplers.distributions import distributions
from presage.search.studies.journal import Journal, ScoredTrial
from presage.search.testing import TinySpace

optuna.logging.set_verbosity(optuna.logging.ERROR)
SPACE = TinySpace()
CODES = SPACE.sample(20, np.random.default_rng(0))


def _trials(values: int = 1) -> list[ScoredTrial]:
    return [
        ScoredTrial(code.tolist(), (0.1 * at, 7.0)[:values] if at else (), {"lower": at}, {"mark": "a"})
        for at, code in enumerate(CODES)
    ]


@pytest.mark.parametrize("directions", [("maximize",), ("maximize", "minimize")])
def test_optuna_reads_what_it_would_have_written_itself(tmp_path: Path, directions: tuple[str, ...]) -> None:
    """Guards against a change of Optuna's journal format: compares with `study.add_trial`, trial by trial."""
    values = len(directions)
    recorder = Journal(tmp_path / "ours").recorder("s", directions, SPACE)
    recorder.write(_trials(values)[:7])
    recorder.write(_trials(values)[7:])
    stock = JournalStorage(JournalFileBackend(str(tmp_path / "ours")))
    ours = optuna.load_study(study_name="s", storage=stock)

    theirs = optuna.create_study(
        study_name="s", directions=directions, storage=JournalStorage(JournalFileBackend(str(tmp_path / "theirs")))
    )
    for trial in _trials(values):
        theirs.add_trial(
            create_trial(
                state=TrialState.COMPLETE if trial.values else TrialState.FAIL,
                values=list(trial.values) or None,
                params=SPACE.params(np.array(trial.code)),
                distributions=distributions(SPACE),
                user_attrs=dict(trial.user),
                system_attrs=dict(trial.system),
            )
        )
    for one, other in zip(ours.trials, theirs.trials, strict=True):
        for name in ("number", "state", "values", "params", "distributions", "user_attrs", "system_attrs"):
            assert getattr(one, name) == getattr(other, name), name
        assert one.datetime_complete is not None
    ours.optimize(lambda t: [t.suggest_categorical("width0", [2, 4, 8])] * values, n_trials=1)
    assert len(ours.trials) == 21


@pytest.mark.parametrize("directions", [("maximize",), ("maximize", "minimize")])
def test_a_line_is_that_of_optuna(tmp_path: Path, directions: tuple[str, ...]) -> None:
    """Fails where Optuna's journal format changes in any way: the same trial, as both write it, field by field."""
    values = len(directions)
    trial = ScoredTrial(CODES[0].tolist(), (0.25, 7.0)[:values], {"lower": 1.5}, {"mark": "a"})
    Journal(tmp_path / "ours").recorder("s", directions, SPACE).write([trial])
    storage = JournalStorage(JournalFileBackend(str(tmp_path / "theirs")))
    theirs = optuna.create_study(study_name="s", directions=directions, storage=storage)
    theirs.add_trial(
        create_trial(
            values=list(trial.values), params=SPACE.params(CODES[0]), distributions=distributions(SPACE),
            user_attrs=dict(trial.user), system_attrs=dict(trial.system),
        )
    )  # fmt: skip
    lines = [json.loads((tmp_path / name).read_text().splitlines()[-1]) for name in ("ours", "theirs")]
    assert list(map(type, lines[0].values())) == [type(lines[1][name]) for name in lines[0]]
    for line in lines:
        started, ended = (datetime.fromisoformat(line.pop(f"datetime_{when}")) for when in ("start", "complete"))
        assert started <= ended
        line["distributions"] = {name: json.loads(text) for name, text in line["distributions"].items()}
        del line["worker_id"]
    assert lines[0] == lines[1]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    recorder = Journal(tmp_path / "j").recorder("s", ("maximize",), SPACE)
    recorder.write(_trials())
    assert list(Journal(tmp_path / "j").recorder("s", ("maximize",), SPACE).read()) == _trials()


def test_two_studies_share_a_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    first = journal.recorder("first", ("maximize",), SPACE)
    second = journal.recorder("second", ("maximize",), SPACE)
    verified = journal.study("verified")
    first.write(_trials()[:5])
    trial = verified.ask({"a": optuna.distributions.IntDistribution(0, 3)})
    second.write(_trials()[5:])
    verified.tell(trial, 0.5)
    assert len(list(first.read())) == 5
    assert len(list(second.read())) == 15
    again = Journal(tmp_path / "j").study("verified")
    assert [(t.number, t.value, t.params) for t in again.trials] == [(0, 0.5, trial.params)]


@pytest.mark.parametrize("torn", [b'{"op_code":4,"worker_id":"presage","study', b"x" * 200_000])
def test_an_unfinished_last_line_and_a_lock_left_by_a_kill_are_mended(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "j"
    Journal(path).recorder("s", ("maximize",), SPACE).write(_trials())
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    Path(f"{path}.lock").symlink_to(path)
    recorder = Journal(path, mend=True).recorder("s", ("maximize",), SPACE)
    assert path.read_bytes() == whole
    recorder.write(_trials()[:3])
    assert len(list(recorder.read())) == 23


def test_a_full_disk_is_said_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Journal(tmp_path / "j").recorder("s", ("maximize",), SPACE)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StorageFull, match="The disk is full"):
        recorder.write(_trials())
